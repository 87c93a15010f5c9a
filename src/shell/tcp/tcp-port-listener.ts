import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { RdtError } from '../../errors.js';
import type { OpenPort, PortListener } from '../port-listener.js';
import { errorCode } from '../../system-error.js';

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there',
  EACCES: 'this user may not (ports below 1024 are for root)',
  EADDRNOTAVAIL: 'this computer has no such address',
  ENOTFOUND: 'this name is unknown',
};

export class TcpPortListener implements PortListener {
  async listen(bind: string, port: number, onConnection: (connection: Duplex) => void): Promise<OpenPort> {
    const sockets = new Set<Socket>();
    // What one side has said all of may still be answered by the other.
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      onConnection(socket);
    });
    server.listen({ host: bind, port });
    try {
      await once(server, 'listening');
    } catch (error) {
      throw cannotListen(bind, port, error);
    }
    return { where: addressOf(server), [Symbol.asyncDispose]: () => close(server, sockets) };
  }
}

async function close(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  for (const socket of sockets) socket.destroy();
  await closed;
}

function addressOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}

function cannotListen(bind: string, port: number, cause: unknown): RdtError {
  const code = errorCode(cause) ?? String(cause);
  return new RdtError(`Cannot listen on ${bind}:${port}: ${REASONS[code] ?? code}.`, {
    hint: 'Give another local port: --forward LOCAL:REMOTE; 0 takes any free one.',
    cause,
  });
}
