import { createServer, type AddressInfo, type Socket } from 'node:net';
import { TcpDialer } from '../../../src/transport/docker/tcp-dialer.js';

/** A host on the loopback that answers each connection by a script, and that counts them. */
export class ScriptedHost implements AsyncDisposable {
  connections = 0;
  /** All that was sent to it. */
  received = '';
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((socket) => {
    this.connections += 1;
    this.sockets.add(socket);
    // Whoever is tested hangs up when it has seen enough.
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1');
    });
    this.script(socket);
  });

  private constructor(private readonly script: (socket: Socket) => void) {}

  static async start(script: (socket: Socket) => void): Promise<ScriptedHost> {
    const host = new ScriptedHost(script);
    await new Promise<void>((listening) => host.server.listen(0, '127.0.0.1', listening));
    return host;
  }

  /** Answers every request, in turn, with these. The last one is repeated. */
  static answering(...answers: string[]): Promise<ScriptedHost> {
    let turn = 0;
    return ScriptedHost.start((socket) => {
      socket.on('data', () => socket.write(answers[Math.min(turn++, answers.length - 1)] ?? ''));
    });
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  dialer(): TcpDialer {
    return new TcpDialer('127.0.0.1', this.port);
  }

  cutAll(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}

export const answer = (status: number, body: string, headers = ''): string =>
  `HTTP/1.1 ${status} X\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

export const frame = (type: 1 | 2, text: string): string => {
  const header = Buffer.alloc(8);
  header.writeUInt8(type, 0);
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return header.toString('latin1') + text;
};
