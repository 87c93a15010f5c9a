import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv4 } from 'node:net';
import { type Answer, decode, encode } from 'dns-packet';
import type { Sighting } from '../../src/discovery/device.js';
import { MulticastBrowser } from '../../src/discovery/mdns/multicast-browser.js';
import { systemClock } from '../../src/system-clock.js';
import { type BrowserStage, mdnsBrowserContract } from './mdns-browser-contract.js';

const GROUP = '224.0.0.251';
const PORT = 5353;
const SERVICE = '_ssh._tcp.local';

/** Loopback, presented as an interface to ask on. */
const loopback = {
  address: '127.0.0.1',
  netmask: '255.0.0.0',
  family: 'IPv4',
  mac: '00:00:00:00:00:00',
  internal: false,
  cidr: '127.0.0.1/8',
} as const;

function recordsOf({ name, host, addresses, sshPort, resinDevice }: Sighting): Answer[] {
  const instance = `${name}.${SERVICE}`;
  const types = [SERVICE, ...(resinDevice ? [`_resin-device._sub.${SERVICE}`] : [])];
  return [
    ...types.map((type): Answer => ({ type: 'PTR', name: type, ttl: 10, data: instance })),
    { type: 'SRV', name: instance, ttl: 10, data: { target: host, port: sshPort ?? 22 } },
    ...addresses.map((data): Answer => ({ type: isIPv4(data) ? 'A' : 'AAAA', name: host, ttl: 10, data })),
  ];
}

async function createStage(): Promise<BrowserStage> {
  const announced: Sighting[] = [];
  const responder = createSocket({ type: 'udp4', reuseAddr: true });
  responder.on('message', (packet, { address, port }) => {
    const { type, questions = [] } = decode(packet);
    if (type !== 'query') return;
    const asked = questions.map(({ name }) => name.toLowerCase());
    for (const sighting of announced) {
      const records = recordsOf(sighting);
      if (!records.some(({ name }) => asked.includes(name.toLowerCase()))) continue;
      const answer = encode({ type: 'response', id: 0, flags: 0, answers: records });
      responder.send(answer, PORT, GROUP);
      if (port !== PORT) responder.send(answer, port, address);
    }
  });
  const listening = once(responder, 'listening');
  responder.bind(PORT);
  await listening;
  responder.addMembership(GROUP, loopback.address);
  responder.setMulticastInterface(loopback.address);
  return {
    browser: new MulticastBrowser({
      networkInterfaces: () => ({ lo: [loopback] }),
      platform: process.platform,
      clock: systemClock,
    }),
    announce: (sighting) => {
      announced.push(sighting);
      return Promise.resolve();
    },
    tearDown: async () => {
      const closed = once(responder, 'close');
      responder.close();
      await closed;
    },
  };
}

mdnsBrowserContract('MulticastBrowser', createStage);
