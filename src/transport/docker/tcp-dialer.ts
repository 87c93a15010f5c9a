import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { noAnswer, unreachable } from '../connection-error.js';
import type { Dialer } from '../dialer.js';

/** A dead address must fail in under 3 s in every command, so the connection itself gets a little less. */
const CONNECT_TIMEOUT_MS = 2_700;
/** libuv probes every second after this silence and gives up after ten: a pulled cable is noticed after 15 s. */
const KEEPALIVE_AFTER_MS = 5_000;

/** Plain TCP to an engine. `host` is a name, an IPv4 or an IPv6 address, the last with its zone (`fe80::1%eth0`) if it needs one. */
export class TcpDialer implements Dialer {
  readonly description: string;
  private readonly open = new Set<Socket>();

  constructor(
    private readonly host: string,
    private readonly port: number,
    private readonly connectTimeoutMs = CONNECT_TIMEOUT_MS,
  ) {
    this.description = `tcp://${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  async dial(signal?: AbortSignal): Promise<Duplex> {
    signal?.throwIfAborted();
    const socket = connect({ host: this.host, port: this.port, noDelay: true });
    this.open.add(socket);
    socket.once('close', () => this.open.delete(socket));
    try {
      await this.connected(socket, signal);
      socket.setKeepAlive(true, KEEPALIVE_AFTER_MS);
      return socket;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.open) socket.destroy();
    return Promise.resolve();
  }

  private connected(socket: Socket, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(signal?.reason as Error);
      const onSilence = () => reject(noAnswer(this.description, this.connectTimeoutMs));
      const timer = setTimeout(onSilence, this.connectTimeoutMs);
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      socket.once('connect', resolve).once('connect', settle).once('close', settle);
      // Stays on: a connection that breaks while nobody uses it is no crash.
      socket.on('error', (error) => reject(unreachable(this.description, error)));
    });
  }
}
