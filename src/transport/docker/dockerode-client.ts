import Docker from 'dockerode';
import { EngineError } from '../engine-error.js';
import type { ContainerSpec } from '../engine.js';
import { DockerodeModem } from './dockerode-modem.js';
import type { EngineHttp } from './engine-http.js';

type Signal = AbortSignal | undefined;

const abortable = (signal: Signal): { abortSignal?: AbortSignal } =>
  signal === undefined ? {} : { abortSignal: signal };

/** What only a rebuild does, by dockerode over our own connections. Import this module lazily. */
export class DockerodeClient {
  private readonly docker: Docker;

  constructor(http: EngineHttp, silenceMs: number) {
    const options: Docker.DockerOptions & { modem: DockerodeModem } = {
      modem: new DockerodeModem(http, silenceMs),
    };
    this.docker = new Docker(options);
  }

  async createContainer(name: string, spec: ContainerSpec, signal: Signal): Promise<string> {
    // Given as it is, dockerode would repeat the whole spec in the query.
    const options = { _query: { name }, _body: spec, ...abortable(signal) };
    return (await this.docker.createContainer(options)).id;
  }

  async renameContainer(ref: string, name: string, signal: Signal): Promise<void> {
    await this.docker.getContainer(ref).rename({ name, ...abortable(signal) });
  }

  async removeContainer(
    ref: string,
    options: { removeAnonymousVolumes: boolean },
    signal: Signal,
  ): Promise<void> {
    const query = { force: true, v: options.removeAnonymousVolumes, ...abortable(signal) };
    const container = this.docker.getContainer(ref);
    try {
      await unlessStatus([404], container.remove(query));
    } catch (error) {
      if (!isUnderWay(error)) throw error;
      await unlessStatus([404], untilRemoved(container, signal));
    }
  }

  async tagImage(ref: string, repository: string, tag: string, signal: Signal): Promise<void> {
    await this.docker.getImage(ref).tag({ repo: repository, tag, ...abortable(signal) });
  }

  removeImage(ref: string, signal: Signal): Promise<boolean> {
    return unlessStatus([404, 409], this.docker.getImage(ref).remove({ force: false, ...abortable(signal) }));
  }
}

/** An engine goes on with a removal whose connection was cut: the next one meets it. */
const isUnderWay = (error: unknown): boolean =>
  error instanceof EngineError && error.status === 409 && error.message.includes('already in progress');

const untilRemoved = async (container: Docker.Container, signal: Signal): Promise<void> => {
  const waited = container.wait({ condition: 'removed', ...abortable(signal) });
  const { Error: failure } = (await waited) as { Error?: { Message: string } | null };
  if (failure) throw new EngineError(500, failure.Message);
};

/** False when the engine answered with one of these. */
const unlessStatus = async (statuses: readonly number[], done: Promise<unknown>): Promise<boolean> => {
  try {
    await done;
    return true;
  } catch (error) {
    if (error instanceof EngineError && statuses.includes(error.status)) return false;
    throw error;
  }
};
