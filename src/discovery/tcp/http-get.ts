import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import type { KnockFailure } from '../knocker.js';
import { knockFailure } from './knock-failure.js';

export interface HttpQuestion {
  /** An address; link-local IPv6 with its zone. */
  readonly address: string;
  readonly port: number;
  readonly path: string;
  /** A longer body is `garbage`. */
  readonly maxBytes: number;
}

export type HttpAnswer =
  | {
      readonly type: 'answer';
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly body: string;
    }
  | { readonly type: 'failed'; readonly failure: KnockFailure };

/** One `GET` on a connection of its own. Never rejects; an aborted signal settles it at once. */
export function httpGet(question: HttpQuestion, signal: AbortSignal): Promise<HttpAnswer> {
  return new Promise((resolve) => {
    let connected = false;
    const fail = (failure: KnockFailure) => {
      const inTime = signal.aborted ? (connected ? 'silent' : 'timeout') : failure;
      resolve({ type: 'failed', failure: inTime });
      asking.destroy();
    };
    const asking = request({
      host: question.address,
      port: question.port,
      path: question.path,
      agent: false,
      // The engine answers 400 to a host with a zone, and needs none. Of a name Node's agent would ask whether it is an IPv6 address, and make
      // the pattern for that: 9 ms.
      headers: { host: '127.0.0.1', connection: 'close' },
      signal,
    });
    asking.once('socket', (socket) => socket.once('connect', () => (connected = true)));
    asking.on('error', (error) => fail(knockFailure(error)));
    asking.once('close', () => fail('reset'));
    asking.once('response', (response) => {
      collect(response, question.maxBytes).then(resolve, (error: unknown) =>
        fail(error instanceof TooLong ? 'garbage' : 'reset'),
      );
    });
    asking.end();
  });
}

class TooLong extends Error {}

async function collect(response: IncomingMessage, maxBytes: number): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new TooLong();
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks).toString('utf8');
  return { type: 'answer', status: response.statusCode ?? 0, headers: response.headers, body };
}
