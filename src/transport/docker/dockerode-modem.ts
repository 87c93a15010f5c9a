import { jsonBody } from './engine-calls.js';
import { type EngineHttp, type EngineRequest, readText } from './engine-http.js';

/** The part of dockerode's internal request that its plain (not streaming) calls use. */
interface DialOptions {
  /** Ends with `?` when the options go into the query. */
  readonly path: string;
  readonly method: EngineRequest['method'];
  readonly options?: Readonly<Record<string, unknown>>;
  readonly abortSignal?: AbortSignal;
}

type DialCallback = (error: unknown, answer?: unknown) => void;

/** dockerode's transport, done by ours: the same connections, versions and errors. It reads no DOCKER_HOST, unlike docker-modem. */
export class DockerodeModem {
  constructor(
    private readonly http: EngineHttp,
    private readonly silenceMs: number,
  ) {}

  dial(options: DialOptions, callback: DialCallback): void {
    this.send(options).then(
      (answer) => callback(null, answer),
      (error: unknown) => callback(error),
    );
  }

  private async send({ path, method, options = {}, abortSignal }: DialOptions): Promise<unknown> {
    const { _query: query = options, _body: body } = options;
    const answer = await this.http.requestOk({
      method,
      path: path.replace(/\?$/, ''),
      query: path.endsWith('?') ? toQuery(query as object) : {},
      ...(body === undefined ? {} : jsonBody(body)),
      signal: abortSignal,
      silenceMs: this.silenceMs,
    });
    const text = await readText(answer.body);
    return text.trim() === '' ? undefined : (JSON.parse(text) as unknown);
  }
}

/** Objects, such as filters, go as JSON. */
const toQuery = (options: object): Record<string, string> =>
  Object.fromEntries(
    Object.entries(options)
      .filter(([key, value]) => value !== undefined && key !== 'abortSignal')
      .map(([key, value]) => [key, typeof value === 'object' ? JSON.stringify(value) : String(value)]),
  );
