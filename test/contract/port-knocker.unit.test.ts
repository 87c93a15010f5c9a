import { createServer, type AddressInfo, type Socket } from 'node:net';
import { PortKnocker } from '../../src/discovery/tcp/port-knocker.js';
import { type KnockerStage, knockerContract, type Place } from './knocker-contract.js';

function createStage(): KnockerStage {
  const closers: (() => Promise<void>)[] = [];
  const serve = async (answer: (socket: Socket) => void): Promise<Place> => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined); // the knocker hangs up when it knows enough
      answer(socket);
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const close = () => {
      for (const socket of sockets) socket.destroy();
      return new Promise<void>((closed) => server.close(() => closed()));
    };
    closers.push(close);
    return { address: '127.0.0.1', port: (server.address() as AddressInfo).port };
  };
  const http = (header: string) => (socket: Socket) =>
    socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n${header}Content-Length: 2\r\n\r\nOK`));
  return {
    knocker: new PortKnocker(),
    engine: (apiVersion) => serve(http(apiVersion === undefined ? '' : `Api-Version: ${apiVersion}\r\n`)),
    sshServer: (banner) => serve((socket) => socket.write(`${banner}\r\n`)),
    hanging: () => serve((socket) => socket.resume()),
    cutting: () => serve((socket) => socket.destroy()),
    closed: async () => {
      const place = await serve(() => undefined);
      await closers.pop()?.();
      return place;
    },
    tearDown: async () => {
      await Promise.all(closers.splice(0).map((close) => close()));
    },
  };
}

knockerContract('PortKnocker', createStage);
