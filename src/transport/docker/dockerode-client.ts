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
    await unlessStatus([404], this.docker.getContainer(ref).remove(query));
  }

  async tagImage(ref: string, repository: string, tag: string, signal: Signal): Promise<void> {
    await this.docker.getImage(ref).tag({ repo: repository, tag, ...abortable(signal) });
  }

  removeImage(ref: string, signal: Signal): Promise<boolean> {
    return unlessStatus([404, 409], this.docker.getImage(ref).remove({ force: false, ...abortable(signal) }));
  }
}

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
