import type { IncomingMessage } from 'node:http';
import { printable } from '../../discovery/printable.js';
import { RdtError } from '../../errors.js';
import { Dropped, lengthOf, nextChunk, parseAddress, redirected, validatorOf } from './http-answer.js';
import { sendRequest } from './http-request.js';
import type { PackedInput } from './packed-input.js';
import { inflate, unbrotli } from './zlib-decoder.js';

/** How a download waits and gives up; tests shorten it. */
export interface DownloadPolicy {
  /** Without a byte for so long while we are waiting for one, a connection counts as dropped. */
  readonly stallMs: number;
  /** Pauses before each further attempt; it gives up after the last. Counted anew whenever bytes arrived. */
  readonly retryDelaysMs: readonly number[];
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** The proxy to ask for a resource; undefined to ask its own server. */
  readonly proxyFor: (url: URL) => URL | undefined;
}

const MAX_REDIRECTS = 10;
/** The answers that a proxy or an overloaded server takes back a moment later. */
const PASSING_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Throws an `RdtError` when the server does not hand out the image. */
export async function openUrlInput(
  url: string,
  policy: DownloadPolicy,
  signal: AbortSignal,
): Promise<PackedInput> {
  const download = new Download(parseAddress(url), policy, signal);
  const encoding = await download.start().catch((error: unknown) => {
    download.close();
    throw error;
  });
  const sizeBytes = encoding === 'identity' ? download.sizeBytes : undefined;
  return {
    name: url,
    sizeBytes,
    file: undefined,
    chunks: () => decodeContent(download.chunks(), encoding, url),
    close: () => {
      download.close();
      return Promise.resolve();
    },
  };
}

type ContentEncoding = 'identity' | 'deflate' | 'br';

/** A body that is gzip or zstd is recognised as such by its content, whatever the header says. */
function contentEncoding(header: string | undefined, url: string): ContentEncoding {
  const encoding = (header ?? 'identity').trim().toLowerCase();
  if (['identity', 'gzip', 'x-gzip', 'zstd', ''].includes(encoding)) return 'identity';
  if (encoding === 'deflate' || encoding === 'br') return encoding;
  throw new RdtError(
    `the server sends ${url} with the content encoding ${printable(encoding)}, which rdt does not know`,
  );
}

function decodeContent(
  chunks: AsyncIterable<Buffer>,
  encoding: ContentEncoding,
  url: string,
): AsyncIterable<Buffer> {
  if (encoding === 'deflate') return inflate(chunks, url);
  return encoding === 'br' ? unbrotli(chunks, url) : chunks;
}

/** One resource, fetched in as many connections as it takes. */
class Download {
  /** Of the body as transferred; undefined when the server does not tell. */
  sizeBytes: number | undefined;
  private position = 0;
  private failures = 0;
  private validator: string | undefined;
  private response: IncomingMessage | undefined;

  constructor(
    private readonly url: URL,
    private readonly policy: DownloadPolicy,
    private readonly signal: AbortSignal,
  ) {}

  /** Opens the first connection, so that a missing file is known before a drive is touched. */
  async start(): Promise<ContentEncoding> {
    const response = await this.retrying(() => this.connect());
    this.response = response;
    this.sizeBytes = lengthOf(response.headers['content-length']);
    this.validator = validatorOf(response.headers);
    return contentEncoding(response.headers['content-encoding'], this.url.href);
  }

  async *chunks(): AsyncGenerator<Buffer> {
    try {
      for (let next = await this.next(); next !== undefined; next = await this.next()) yield next;
    } finally {
      this.close();
    }
  }

  close(): void {
    this.response?.destroy();
    this.response = undefined;
  }

  private next(): Promise<Buffer | undefined> {
    return this.retrying(async () => {
      this.response ??= await this.resume();
      const chunk = await this.readChunk(this.response);
      if (chunk !== undefined) {
        this.position += chunk.length;
        this.failures = 0;
      } else if (this.sizeBytes !== undefined && this.position < this.sizeBytes) {
        throw new Dropped('the connection was closed too early');
      }
      return chunk;
    });
  }

  private async retrying<T>(step: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await step();
      } catch (error) {
        this.close();
        this.signal.throwIfAborted();
        if (!(error instanceof Dropped)) throw error;
        const delayMs = this.policy.retryDelaysMs[this.failures++];
        if (delayMs === undefined) throw this.givenUp(error);
        await this.policy.sleep(delayMs, this.signal);
      }
    }
  }

  private givenUp(cause: Dropped): RdtError {
    const where = this.position === 0 ? '' : ` after ${this.position} bytes`;
    return new RdtError(`cannot download ${this.url.href}: ${cause.message}${where}`, { cause: cause.cause });
  }

  /** Connects again and comes to where the last connection ended. */
  private async resume(): Promise<IncomingMessage> {
    const response = await this.connect();
    if (this.position === 0) return response;
    if (this.hasChanged(response)) {
      response.destroy();
      throw new RdtError(`${this.url.href} was changed on the server while it was downloaded`, {
        hint: 'Start again.',
      });
    }
    if (response.statusCode !== 206) await this.skipTo(response, this.position);
    return response;
  }

  private hasChanged(response: IncomingMessage): boolean {
    const { headers } = response;
    const validator = validatorOf(headers);
    if (validator !== undefined && validator !== this.validator) return true;
    if (response.statusCode !== 206) return lengthOf(headers['content-length']) !== this.sizeBytes;
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers['content-range'] ?? '');
    return (
      Number(range?.[1]) !== this.position || (lengthOf(range?.[2]) ?? this.sizeBytes) !== this.sizeBytes
    );
  }

  /** A server without ranges sends it all again. */
  private async skipTo(response: IncomingMessage, offset: number): Promise<void> {
    for (let skipped = 0; skipped < offset; ) {
      const chunk = await this.readChunk(response);
      if (chunk === undefined) throw new Dropped('the connection was closed too early');
      skipped += chunk.length;
      if (skipped > offset) response.unshift(chunk.subarray(chunk.length - (skipped - offset)));
    }
  }

  /** Always from the first address on: where it redirects to may be good for a while only. */
  private async connect(): Promise<IncomingMessage> {
    let url = this.url;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      const response = await this.request(url);
      const status = response.statusCode ?? 0;
      if (status === 200 || (status === 206 && this.position > 0)) return response;
      response.destroy();
      if (PASSING_STATUS.has(status)) throw new Dropped(`the server answered ${status}`);
      if (status < 300 || status >= 400 || response.headers.location === undefined) {
        throw new RdtError(`cannot download ${url.href}: the server answered ${status}`);
      }
      url = redirected(url, response.headers.location);
    }
    throw new RdtError(`cannot download ${this.url.href}: it is redirected over and over`);
  }

  private request(url: URL): Promise<IncomingMessage> {
    const headers: Record<string, string> = { 'accept-encoding': 'identity', 'user-agent': 'rdt' };
    if (this.position > 0) headers['range'] = `bytes=${this.position}-`;
    if (this.position > 0 && this.validator !== undefined) headers['if-range'] = this.validator;
    const answer = sendRequest({ url, headers, proxy: this.policy.proxyFor(url) }, this.signal);
    return this.unlessStalled(answer, () => undefined);
  }

  private readChunk(response: IncomingMessage): Promise<Buffer | undefined> {
    const chunk = nextChunk(response);
    return this.unlessStalled(chunk, () => response.destroy());
  }

  /**
   * The clock runs only while we wait: a slow card may pause a download for as long as it likes. The request itself hears of our
   * own signal, and ends `wanted`.
   */
  private async unlessStalled<T>(wanted: Promise<T>, giveUp: () => void): Promise<T> {
    const timer = new AbortController();
    const stalled = this.policy.sleep(this.policy.stallMs, timer.signal).then(() => {
      giveUp();
      throw new Dropped(`nothing came for ${this.policy.stallMs / 1000} s`);
    });
    try {
      return await Promise.race([wanted, stalled]);
    } finally {
      timer.abort();
      stalled.catch(() => undefined);
      wanted.catch(() => undefined);
    }
  }
}
