import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Dialer } from '../dialer.js';
import { connectTcp, endpoint } from '../tcp/connect-tcp.js';

/** Plain TCP to an engine. See `TcpTarget` for what `host` may be. */
export class TcpDialer implements Dialer {
  readonly description: string;
  private readonly open = new Set<Socket>();

  constructor(
    private readonly host: string,
    private readonly port: number,
  ) {
    this.description = `tcp://${endpoint(host, port)}`;
  }

  async dial(signal?: AbortSignal): Promise<Duplex> {
    const { host, port, description } = this;
    const socket = await connectTcp({ host, port, description }, signal);
    this.open.add(socket);
    socket.once('close', () => this.open.delete(socket));
    return socket;
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.open) socket.destroy();
    return Promise.resolve();
  }
}
