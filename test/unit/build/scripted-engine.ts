import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EngineHttp } from '../../../src/transport/docker/engine-http.js';
import { TcpDialer } from '../../../src/transport/docker/tcp-dialer.js';

export interface SeenRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly bodyBytes: number;
}

export interface ScriptedEngine extends AsyncDisposable {
  readonly http: EngineHttp;
  readonly seen: readonly SeenRequest[];
}

/** Answers every request with what `answer` writes, after the request was read. On this machine's loopback. */
export async function scriptedEngine(
  answer: (request: SeenRequest, response: ServerResponse) => void,
): Promise<ScriptedEngine> {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    let bodyBytes = 0;
    request.on('data', (chunk: Buffer) => (bodyBytes += chunk.length));
    request.on('end', () => {
      const url = new URL(request.url ?? '', 'http://engine');
      const was = { path: url.pathname, query: url.searchParams, headers: request.headers, bodyBytes };
      seen.push(was);
      answer(was, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const http = new EngineHttp(new TcpDialer('127.0.0.1', (server.address() as AddressInfo).port));
  return {
    http,
    seen,
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a real engine 20.10.24 answered to `POST /build`. */
export const recorded = (name: string): Buffer =>
  readFileSync(new URL(`recorded/${name}.ndjson`, import.meta.url));
