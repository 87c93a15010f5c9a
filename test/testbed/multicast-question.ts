import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { TestbedError } from './testbed-error.js';

const PORT = 5353;
const PTR = 12;
const INTERNET = 1;

/**
 * Asks one mDNS question on one interface of this host and gives the first answer's bytes: just enough of a client to
 * show that a device is announced, independent of the product's own.
 * @param serviceType for example `_ssh._tcp.local`
 * @returns undefined when nobody answers in time.
 */
export function askByMulticast(
  serviceType: string,
  interfaceName: string,
  family: 'IPv4' | 'IPv6',
  withinMs = 2000,
): Promise<Buffer | undefined> {
  const socket = createSocket(family === 'IPv4' ? 'udp4' : 'udp6');
  return new Promise<Buffer | undefined>((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), withinMs);
    socket.on('error', reject);
    socket.on('message', (answer) => {
      clearTimeout(timer);
      resolve(answer);
    });
    socket.bind(() => {
      socket.setMulticastInterface(family === 'IPv4' ? ipv4Of(interfaceName) : `::%${interfaceName}`);
      socket.send(
        question(serviceType),
        PORT,
        family === 'IPv4' ? '224.0.0.251' : `ff02::fb%${interfaceName}`,
      );
    });
  }).finally(() => socket.close());
}

function ipv4Of(interfaceName: string): string {
  const address = networkInterfaces()[interfaceName]?.find(({ family }) => family === 'IPv4');
  if (address === undefined) throw new TestbedError(`This host has no IPv4 address on ${interfaceName}.`);
  return address.address;
}

function question(name: string): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(1, 4);
  const labels = name.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, PTR, 0, INTERNET])]);
}
