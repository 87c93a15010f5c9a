import { request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { RdtError } from '../../errors.js';
import { Dropped } from './http-answer.js';

export interface HttpRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly proxy: URL | undefined;
}

/** A kept one may be dead just when it is wanted. */
const OWN_SOCKET = { agent: false } as const;

/** How OpenSSL calls what is wrong with a certificate; none of it passes by itself. */
const BAD_CERTIFICATE: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Resolves with the beginning of the answer. Throws `Dropped` when none comes, an `RdtError` when the proxy or the server is not to be used. */
export async function sendRequest(request: HttpRequest, signal: AbortSignal): Promise<IncomingMessage> {
  const { url, headers, proxy } = request;
  const options: RequestOptions = { headers, signal };
  if (proxy === undefined) return answerOf(url, { ...options, ...OWN_SOCKET });
  if (url.protocol === 'http:') {
    const passedOn = { ...headers, host: url.host, ...credentials(proxy) };
    return answerOf(proxy, { ...options, ...OWN_SOCKET, path: url.href, headers: passedOn });
  }
  const socket = await openTunnel(proxy, url, signal);
  // An address is no name that a certificate could be asked for by.
  const name =
    /[a-z]/i.test(url.hostname) && !url.hostname.startsWith('[') ? { servername: url.hostname } : {};
  return answerOf(url, { ...options, createConnection: () => connectTls({ socket, ...name }) });
}

function answerOf(url: URL, options: RequestOptions): Promise<IncomingMessage> {
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const request = send(url, options, resolve);
    request.on('error', (cause) => reject(failureOf(url, cause)));
    request.end();
  });
}

function failureOf(url: URL, cause: Error): Error {
  const code = 'code' in cause ? String(cause.code) : '';
  if (!BAD_CERTIFICATE.has(code)) return new Dropped(cause.message, { cause });
  return new RdtError(
    `cannot download ${url.href}: the certificate of ${url.host} is not trusted (${cause.message})`,
    {
      cause,
      hint: 'If it is one of your own, name its authority in NODE_EXTRA_CA_CERTS.',
    },
  );
}

/** A connection through the proxy to the server of `url`. */
function openTunnel(proxy: URL, url: URL, signal: AbortSignal): Promise<Socket> {
  const send = proxy.protocol === 'https:' ? requestHttps : requestHttp;
  const authority = `${url.hostname}:${url.port === '' ? '443' : url.port}`;
  return new Promise((resolve, reject) => {
    const request = send(proxy, {
      method: 'CONNECT',
      path: authority,
      headers: { host: authority, ...credentials(proxy) },
      ...OWN_SOCKET,
      signal,
    });
    request.on('connect', ({ statusCode }, socket) => {
      if (statusCode === 200) {
        resolve(socket);
        return;
      }
      socket.destroy();
      reject(
        new RdtError(`the proxy ${proxy.host} does not connect to ${authority}: it answered ${statusCode}`),
      );
    });
    request.on('error', (cause) => reject(new Dropped(`proxy ${proxy.host}: ${cause.message}`, { cause })));
    request.end();
  });
}

function credentials({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(text).toString('base64')}` };
}
