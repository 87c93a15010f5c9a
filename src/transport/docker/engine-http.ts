import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { fullDiskHint } from '../../full-disk.js';
import { connectionCut, silentEngine, unreachable } from '../connection-error.js';
import type { Dialer } from '../dialer.js';
import { EngineError } from '../engine-error.js';
import { AnswerBody } from './answer-body.js';
import { commonApi } from './api-version.js';
import { DialingAgent } from './dialing-agent.js';
import { SilenceWatch } from '../silence-watch.js';
import { upload } from './upload.js';

export interface EngineRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** Without the API version: `/containers/json`. Values in it are already URI-encoded. */
  readonly path: string;
  /** Undefined values are left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Several values go in a line each. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** A Buffer goes with its length, a stream in chunks as fast as the engine reads it; the stream is destroyed when the request ends early. */
  readonly body?: Readable | Buffer;
  readonly signal?: AbortSignal | undefined;
  /** Fails the request when no byte has moved either way for so long. Default: for ever (TCP and ssh keep-alive notice a dead peer). */
  readonly silenceMs?: number | undefined;
}

export interface EngineAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Must be read to its end or destroyed. Fails with an `RdtError` (exit code 4) when the connection is cut. */
  readonly body: Readable;
}

type Outcome =
  | { readonly kind: 'answered'; readonly message: IncomingMessage }
  | { readonly kind: 'upgraded'; readonly stream: Duplex };

/**
 * HTTP to a container engine over the streams of a `Dialer`, kept alive between requests; nothing is retried.
 * Every method rejects with an `RdtError` of exit code 4 when the connection fails, and with the signal's reason when it is aborted.
 */
export class EngineHttp implements AsyncDisposable {
  readonly description: string;
  private readonly agent: DialingAgent;
  private version: string | undefined;

  /** `apiVersion`: what the engine announced, if that is known; else it is learned from the first answer. */
  constructor(
    private readonly dialer: Dialer,
    apiVersion?: string,
  ) {
    this.description = dialer.description;
    this.agent = new DialingAgent(dialer);
    this.version = commonApi(apiVersion);
  }

  /** The version that requests use; undefined before the first answer, and with engines that do not tell (before 17.06). */
  get apiVersion(): string | undefined {
    return this.version;
  }

  /** Resolves with any answer, whatever its status, as soon as its header is there; an upload may still be going on then. */
  async request(asked: EngineRequest): Promise<EngineAnswer> {
    const exchange = new Exchange(this.send(asked, {}), asked, this.description);
    const outcome = await exchange.outcome();
    if (outcome.kind === 'upgraded') {
      outcome.stream.destroy();
      throw connectionCut(this.description);
    }
    return this.answer(exchange, outcome.message);
  }

  /** As `request`, but an answer of 400 or more rejects with an `EngineError`. */
  async requestOk(asked: EngineRequest): Promise<EngineAnswer> {
    const answer = await this.request(asked);
    if (answer.status < 400) return answer;
    throw await engineError(asked, answer);
  }

  /**
   * Turns the connection of a request into a raw byte stream (exec, attach; `h2c` for a session): `end()` is a half-close.
   * An answer of 400 or more rejects with an `EngineError`.
   */
  async upgrade(asked: EngineRequest, protocol: 'tcp' | 'h2c' = 'tcp'): Promise<Duplex> {
    const exchange = new Exchange(
      this.send(asked, { Connection: 'Upgrade', Upgrade: protocol }),
      asked,
      this.description,
    );
    const outcome = await exchange.outcome();
    if (outcome.kind === 'upgraded') return outcome.stream;
    const answer = this.answer(exchange, outcome.message);
    if (answer.status >= 400) throw await engineError(asked, answer);
    answer.body.destroy();
    throw new EngineError(answer.status, `The engine at ${this.description} did not open a stream.`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.agent.destroy();
    await this.dialer[Symbol.asyncDispose]();
  }

  private send(asked: EngineRequest, extraHeaders: Record<string, string>): ClientRequest {
    asked.signal?.throwIfAborted();
    return request({
      agent: this.agent,
      method: asked.method,
      path: this.target(asked),
      // The engine ignores the host; a fixed one spares the quoting of IPv6 zones, which Go refuses. An IPv4 address as in http-get.ts.
      headers: { Host: '127.0.0.1', ...bodyHeaders(asked.body), ...asked.headers, ...extraHeaders },
    });
  }

  private target({ path, query = {} }: EngineRequest): string {
    const parameters = new URLSearchParams();
    for (const [key, value] of Object.entries(query)) {
      if (value !== undefined) parameters.append(key, String(value));
    }
    const suffix = parameters.size === 0 ? '' : `?${parameters.toString()}`;
    // `/_ping` is the one path that is the same for all versions, so that it can be asked before one is known.
    const prefix = this.version === undefined || path === '/_ping' ? '' : `/v${this.version}`;
    return `${prefix}${path}${suffix}`;
  }

  private answer(exchange: Exchange, message: IncomingMessage): EngineAnswer {
    const announced = message.headers['api-version'];
    if (this.version === undefined && typeof announced === 'string') this.version = commonApi(announced);
    return { status: message.statusCode ?? 0, headers: message.headers, body: exchange.body(message) };
  }
}

/** The whole body as text. */
export const readText = async (body: Readable): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
};

/** One request on its way: ties its upload, its answer, the signal and the watch for silence together. */
class Exchange {
  private readonly watch: SilenceWatch;
  private readonly aborted = () => this.fail(this.asked.signal?.reason);
  /** Why we ended it ourselves; wins over what node:http says about the broken connection. */
  private failure: { readonly error: unknown } | undefined;
  private answerBody: AnswerBody | undefined;

  constructor(
    private readonly sent: ClientRequest,
    private readonly asked: EngineRequest,
    private readonly where: string,
  ) {
    const { signal, silenceMs } = asked;
    this.watch = new SilenceWatch(silenceMs, () => this.fail(silentEngine(where, silenceMs ?? 0)));
    signal?.addEventListener('abort', this.aborted, { once: true });
  }

  async outcome(): Promise<Outcome> {
    try {
      const outcome = await this.firstAnswer();
      if (outcome.kind === 'upgraded') this.settle();
      return outcome;
    } catch (error) {
      this.settle();
      throw this.describe(error);
    }
  }

  body(message: IncomingMessage): AnswerBody {
    const body = new AnswerBody(message, {
      onData: () => this.watch.heard(),
      onClose: () => this.answerClosed(),
      describe: (error) => this.describe(error),
    });
    this.answerBody = body;
    return body;
  }

  private firstAnswer(): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.sent.once('response', (message) => resolve({ kind: 'answered', message }));
      this.sent.once('upgrade', (_message, stream, head) => {
        if (head.length > 0) stream.unshift(head);
        resolve({ kind: 'upgraded', stream });
      });
      // Stays for the whole life of the request: after the answer the same failure reaches the reader of the body.
      this.sent.on('error', reject);
      this.sent.once('close', () => reject(connectionCut(this.where)));
      upload(this.asked.body, this.sent, () => this.watch.heard()).catch((error: unknown) =>
        this.fail(error),
      );
    });
  }

  private fail(error: unknown): void {
    this.failure ??= { error };
    this.answerBody?.destroy(this.describe(error));
    this.sent.destroy();
  }

  private answerClosed(): void {
    this.settle();
    // The engine has said all it had to say: what is left of the upload is not wanted.
    if (!this.sent.writableFinished) this.sent.destroy();
  }

  private settle(): void {
    this.watch.stop();
    this.asked.signal?.removeEventListener('abort', this.aborted);
  }

  private describe(error: unknown): Error {
    if (this.failure !== undefined) return this.failure.error as Error;
    return this.answerBody === undefined ? unreachable(this.where, error) : connectionCut(this.where, error);
  }
}

const bodyHeaders = (body: EngineRequest['body']): Record<string, string | number> =>
  Buffer.isBuffer(body) ? { 'Content-Length': body.length } : {};

const engineError = async (asked: EngineRequest, answer: EngineAnswer): Promise<EngineError> => {
  const text = await readText(answer.body);
  const fallback = `The engine answered ${asked.method} ${asked.path} with status ${answer.status}.`;
  const message = messageIn(text) ?? (text.trim().slice(0, 1_000) || fallback);
  return new EngineError(answer.status, message, { hint: fullDiskHint(message) });
};

/** Engines answer errors with `{"message": "..."}`; those before 1.24 (Docker 1.12) with the bare text. */
const messageIn = (text: string): string | undefined => {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null || !('message' in parsed)) return undefined;
    return typeof parsed.message === 'string' ? parsed.message.trim() : undefined;
  } catch {
    return undefined;
  }
};
