import { type Socket, connect } from 'node:net';
import { noAnswer, unreachable } from '../connection-error.js';

/** A dead address must fail in under 3 s in every command, so the connection itself gets a little less. */
const CONNECT_TIMEOUT_MS = 2_700;
/** libuv probes every second after this silence and gives up after ten: a pulled cable is noticed after 15 s. */
const KEEPALIVE_AFTER_MS = 5_000;

export interface TcpTarget {
  /** A name, an IPv4 or an IPv6 address, the last with its zone (`fe80::1%eth0`) if it needs one. */
  readonly host: string;
  readonly port: number;
  /** For messages. */
  readonly description: string;
  readonly timeoutMs?: number;
}

/** A connected socket without Nagle's delay; rejects with an `RdtError` (exit code 4) within 3 s, or with the signal's reason. */
export const connectTcp = async (target: TcpTarget, signal?: AbortSignal): Promise<Socket> => {
  signal?.throwIfAborted();
  const socket = connect({ host: target.host, port: target.port, noDelay: true });
  try {
    await connected(socket, target, signal);
    socket.setKeepAlive(true, KEEPALIVE_AFTER_MS);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
};

const connected = (socket: Socket, target: TcpTarget, signal: AbortSignal | undefined): Promise<void> => {
  const { description, timeoutMs = CONNECT_TIMEOUT_MS } = target;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal?.reason as Error);
    const timer = setTimeout(() => reject(noAnswer(description, timeoutMs)), timeoutMs);
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', resolve).once('connect', settle).once('close', settle);
    // Stays on: a connection that breaks while nobody uses it is no crash.
    socket.on('error', (error) => reject(unreachable(description, error)));
  });
};

/** `host:port` as URLs write it. */
export const endpoint = (host: string, port: number): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;
