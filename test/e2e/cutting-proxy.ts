import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A way to a TCP port on which every connection can be cut at any moment, and on which bytes are counted. */
export class CuttingProxy implements AsyncDisposable {
  /** What has gone to the port. */
  sentBytes = 0;
  /** Made so far. */
  connections = 0;
  private readonly sockets = new Set<Socket>();
  private isUnanswered: (request: string) => boolean = () => false;

  private constructor(private readonly server: Server) {}

  static async open(host: string, port: number): Promise<CuttingProxy> {
    // As any router: who has said all goes on hearing the other one. The output of a script comes after the end of its input.
    const allowHalfOpen = true;
    const server = createServer({ allowHalfOpen });
    const proxy = new CuttingProxy(server);
    server.on('connection', (client) => proxy.join(client, connect({ port, host, allowHalfOpen })));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Resets all that is open. */
  cut(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  /** From now on the device gets such a request, and the answer to it never arrives. `request` is one piece of what was sent. */
  loseAnswers(isOne: (request: string) => boolean): void {
    this.isUnanswered = isOne;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(client: Socket, device: Socket): void {
    this.connections += 1;
    client.on('data', (piece: Buffer) => {
      this.sentBytes += piece.length;
      if (this.isUnanswered(piece.toString('latin1'))) device.unpipe(client).resume();
    });
    for (const [socket, other] of [
      [client, device],
      [device, client],
    ] as const) {
      this.sockets.add(socket);
      socket.setNoDelay(true).on('error', () => other.destroy());
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}
