import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import type { EmitBuildEvent } from '../../../build/build-event.js';
import type { ContextFiles, OfferedEntry } from '../../../build/context/context-files.js';
import type { LevelChoice } from '../../../build/context/level-choice.js';
import type { RegistryCredentials } from '../../../build/image-builder.js';
import { RdtError } from '../../../errors.js';
import { TimeLimit } from '../../../time-limit.js';
import type { EngineHttp } from '../engine-http.js';
import { DiffCopy } from './diff-copy.js';
import { dockerfileFolder } from './dockerfile-folder.js';
import { CallClosed, GrpcCall, GrpcStatus } from './grpc-call.js';
import { answerCredentials } from './registry-auth.js';

const DIFF_COPY = '/moby.filesync.v1.FileSync/DiffCopy';
const CREDENTIALS = '/moby.filesync.v1.Auth/Credentials';
const HEALTH = '/grpc.health.v1.Health/Check';

/** `HealthCheckResponse { 1 status }`: SERVING. */
const SERVING = Uint8Array.of(8, 1);

/** An engine that has BuildKit answers at once; something on the way that knows no upgrade may never. */
const HANDSHAKE_MS = 5_000;

interface SessionOffer {
  /** Under which the engine keeps the context. */
  readonly key: string;
  /** How hard to compress files for this link; undefined: not at all. */
  readonly level: LevelChoice | undefined;
  /** In the context, with forward slashes. */
  readonly dockerfile: string;
  readonly credentials: RegistryCredentials;
  /** The engine waits for it: it is asked to build while the files are still read. */
  readonly files: Promise<ContextFiles>;
}

/**
 * Our side of BuildKit's session: a connection on which the engine is the client, and asks for the context and for logins. It is
 * over when the build is, and has to be disposed of.
 */
export class BuildSession implements Disposable {
  /** What went wrong while the engine was answered; undefined when it has got what it wanted. */
  failure: unknown;
  /** Whether the engine has ever asked for anything. */
  wasUsed = false;

  private constructor(
    readonly id: string,
    private readonly connection: Duplex,
    private readonly http2: ServerHttp2Session,
    private readonly offer: SessionOffer,
    private readonly emit: EmitBuildEvent,
  ) {
    http2.on(
      'stream',
      (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw: readonly string[]) =>
        void this.answer(stream, headers, valuesOf(raw, 'followpaths')),
    );
  }

  /** Undefined when the engine, or something on the way to it, knows no sessions. @throws the signal's reason. */
  static async open(
    http: EngineHttp,
    offer: SessionOffer,
    emit: EmitBuildEvent,
    signal: AbortSignal | undefined,
  ): Promise<BuildSession | undefined> {
    const id = randomBytes(16).toString('hex');
    const connection = await connect(http, id, offer.key, signal);
    if (connection === undefined) return undefined;
    const http2 = performServerHandshake(connection);
    // A session that breaks off shows in the build, which then fails.
    http2.on('error', () => undefined);
    const session = new BuildSession(id, connection, http2, offer, emit);
    if (await session.isGreeted(signal)) return session;
    session[Symbol.dispose]();
    signal?.throwIfAborted();
    return undefined;
  }

  [Symbol.dispose](): void {
    this.http2.destroy();
    this.connection.destroy();
  }

  /** The engine speaks HTTP/2 to us: it begins with its settings. */
  private async isGreeted(signal: AbortSignal | undefined): Promise<boolean> {
    const closed = new AbortController();
    this.http2.once('close', () => closed.abort());
    const ended = AbortSignal.any([closed.signal, ...(signal === undefined ? [] : [signal])]);
    using patience = new TimeLimit(ended, HANDSHAKE_MS);
    try {
      await once(this.http2, 'remoteSettings', { signal: patience.signal });
      return true;
    } catch {
      return false;
    }
  }

  private async answer(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    followPaths: readonly string[],
  ): Promise<void> {
    const call = new GrpcCall(stream, this.offer.level !== undefined && takesGzip(headers));
    try {
      call.close(await this.serve(call, headers, followPaths));
    } catch (error) {
      if (error instanceof CallClosed) return;
      this.failure ??= error;
      call.close(GrpcStatus.unknown);
    }
  }

  private async serve(
    call: GrpcCall,
    headers: IncomingHttpHeaders,
    followPaths: readonly string[],
  ): Promise<number> {
    switch (headers[':path'] ?? '') {
      case HEALTH:
        await call.send(SERVING);
        return GrpcStatus.ok;
      case CREDENTIALS: {
        const [request = Buffer.alloc(0)] = await call.nextMessages();
        await call.send(answerCredentials(request, this.offer.credentials));
        return GrpcStatus.ok;
      }
      case DIFF_COPY:
        return this.serveFolder(call, headers['dir-name'], followPaths);
      default:
        return GrpcStatus.unimplemented;
    }
  }

  private async serveFolder(
    call: GrpcCall,
    name: string | string[] | undefined,
    followPaths: readonly string[],
  ): Promise<number> {
    this.wasUsed = true;
    const files = await this.offer.files;
    const entries = this.folder(files, name, followPaths);
    if (entries === undefined) return GrpcStatus.notFound;
    // The Dockerfile, which is a part of the context too, is not worth a word.
    const emit = name === 'context' ? this.emit : () => undefined;
    const level = call.takesGzip ? this.offer.level : undefined;
    const hasAll = await new DiffCopy(call, files, entries, level, emit).serve();
    return hasAll ? GrpcStatus.ok : GrpcStatus.unknown;
  }

  /** The names are those of BuildKit's Dockerfile frontend. */
  private folder(
    { entries }: ContextFiles,
    name: string | string[] | undefined,
    followPaths: readonly string[],
  ): readonly OfferedEntry[] | undefined {
    const { dockerfile } = this.offer;
    if (name === 'dockerfile') return dockerfileFolder(entries, dockerfile);
    if (name !== 'context') return undefined;
    // What it wants to know of .dockerignore was decided here, as it is for a tar.
    return followPaths.length === 1 && followPaths[0] === '.dockerignore' ? [] : entries;
  }
}

/** The raw stream on which the engine will be the client; undefined when there is none to be had. */
async function connect(
  http: EngineHttp,
  id: string,
  key: string,
  signal: AbortSignal | undefined,
): Promise<Duplex | undefined> {
  try {
    const asked = {
      method: 'POST',
      path: '/session',
      headers: {
        'X-Docker-Expose-Session-Uuid': id,
        'X-Docker-Expose-Session-Name': 'rdt',
        'X-Docker-Expose-Session-Sharedkey': key,
        'X-Docker-Expose-Session-Grpc-Method': [DIFF_COPY, CREDENTIALS, HEALTH],
      },
      silenceMs: HANDSHAKE_MS,
      signal,
    } as const;
    return await http.upgrade(asked, 'h2c');
  } catch (error) {
    // Refused or cut off: a device that is gone is noticed by the next request.
    if (error instanceof RdtError && signal?.aborted !== true) return undefined;
    throw error;
  }
}

/** Newer engines say so (28 was seen to, 26 has it linked); 20.10 is linked without it. */
const takesGzip = ({ 'grpc-accept-encoding': takes = '' }: IncomingHttpHeaders): boolean =>
  String(takes)
    .split(',')
    .some((name) => name.trim() === 'gzip');

/** All values of a header, which node:http2 would join with commas that may be part of them. */
const valuesOf = (rawHeaders: readonly string[], name: string): string[] =>
  rawHeaders.flatMap((value, index) => (index % 2 === 1 && rawHeaders[index - 1] === name ? [value] : []));
