import { encode } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeQuery } from '../../../src/discovery/mdns/question.js';
import { Responder } from '../../../src/discovery/mdns/responder.js';
import { readResponse } from '../../../src/discovery/mdns/response.js';

/** Everything that is done with a packet that comes in. */
function hear(packet: Uint8Array): void {
  const responder = new Responder({ address: '10.0.0.66', zone: 'eth0', ownAddresses: new Set() });
  responder.add(readResponse(Buffer.from(packet)));
  responder.sightings({ services: 'all', host: 'kitchen.local' });
  encodeQuery(responder.openQuestions());
}

const SUBTYPE = '_resin-device._sub._ssh._tcp.local';
const header = (questions: number, answers: number, authorities = 0, additionals = 0): number[] =>
  [0, 0x8400, questions, answers, authorities, additionals].flatMap((word) => [word >> 8, word & 255]);

const honest = encode({
  type: 'response',
  id: 0,
  flags: 0,
  answers: [
    { type: 'PTR', name: SUBTYPE, ttl: 10, data: 'kitchen._ssh._tcp.local' },
    { type: 'SRV', name: 'kitchen._ssh._tcp.local', ttl: 10, data: { target: 'kitchen.local', port: 22222 } },
    { type: 'A', name: 'kitchen.local', ttl: 10, data: '10.0.0.5' },
    { type: 'AAAA', name: 'kitchen.local', ttl: 10, data: 'fe80::1' },
  ],
});

describe('a packet from somebody who means harm', () => {
  it.each<[string, number[]]>([
    ['is empty', []],
    ['is shorter than a header', [0, 0, 0x84]],
    ['promises 65,535 records and has none', header(65535, 65535, 65535, 65535)],
    [
      'has a name that points at itself',
      [...header(0, 1), 0xc0, 0x0c, 0, 12, 0, 1, 0, 0, 0, 10, 0, 2, 0xc0, 0x0c],
    ],
    [
      'has two names that point at each other',
      [...header(0, 1), 0xc0, 0x0e, 0xc0, 0x0c, 0, 12, 0, 1, 0, 0, 0, 10, 0, 0],
    ],
    ['has a name that points behind its end', [...header(0, 1), 0xff, 0xff, 0, 12, 0, 1, 0, 0, 0, 10, 0, 0]],
    ['has a label longer than the packet', [...header(0, 1), 63, 97, 97]],
    ['has a label of a reserved kind', [...header(0, 1), 0x80, 97, 0]],
    ['has record data longer than the packet', [...header(0, 1), 0, 0, 12, 0, 1, 0, 0, 0, 10, 0xff, 0xff]],
    ['has an address of three bytes', [...header(0, 1), 1, 97, 0, 0, 1, 0, 1, 0, 0, 0, 10, 0, 3, 10, 0, 0]],
    ['has an address of no bytes', [...header(0, 1), 1, 97, 0, 0, 1, 0, 1, 0, 0, 0, 10, 0, 0]],
  ])('that %s is as if it had not come', (_what, bytes) => {
    expect(readResponse(Buffer.from(bytes))).toEqual([]);
    expect(() => hear(Uint8Array.from(bytes))).not.toThrow();
  });

  it('never makes discovery throw, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (body) => {
        hear(Uint8Array.from([...header(0, 3), ...body]));
        hear(body);
      }),
      { numRuns: 2000 },
    );
  });

  it('never makes discovery throw when it is an honest one with some bytes changed', () => {
    const change = fc.tuple(fc.nat(honest.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        const packet = Uint8Array.from(honest);
        for (const [at, byte] of changes) packet[at] = byte;
        hear(packet);
      }),
      { numRuns: 3000 },
    );
  });

  it('never makes discovery throw, whatever the names', () => {
    const label = fc.uint8Array({ minLength: 1, maxLength: 63 }).map((bytes) => [bytes.length, ...bytes]);
    const service = [
      ...encode({ type: 'query', questions: [{ type: 'PTR', name: '_ssh._tcp.local' }] }),
    ].slice(12, -4);
    fc.assert(
      fc.property(label, (name) => {
        const target = [...name, ...service];
        hear(
          Uint8Array.from([
            ...header(0, 1),
            ...service,
            0,
            12,
            0,
            1,
            0,
            0,
            0,
            10,
            0,
            target.length,
            ...target,
          ]),
        );
      }),
      { numRuns: 1000 },
    );
  });
});
