import { encode } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { type Origin, Responder } from '../../../src/discovery/mdns/responder.js';
import { type DnsRecord, readResponse } from '../../../src/discovery/mdns/response.js';

const origin = (part: Partial<Origin> = {}): Origin => ({
  address: '10.0.0.5',
  zone: 'eth0',
  ownAddresses: new Set(['10.0.0.2', '172.17.0.1']),
  ...part,
});

const SUBTYPE = '_resin-device._sub._ssh._tcp.local';
const ptr = (type: string, target: string): DnsRecord => ({ type: 'PTR', name: type, target });
const srv = (name: string, host: string, port = 22222): DnsRecord => ({ type: 'SRV', name, host, port });
const address = (name: string, value: string): DnsRecord => ({ type: 'address', name, address: value });

const kitchen = [
  ptr(SUBTYPE, 'kitchen._ssh._tcp.local'),
  srv('kitchen._ssh._tcp.local', 'kitchen.local'),
  address('kitchen.local', '10.0.0.5'),
  address('kitchen.local', 'fe80::1'),
];

const heard = (records: readonly DnsRecord[], from: Origin = origin()): Responder => {
  const responder = new Responder(from);
  responder.add(records);
  return responder;
};

describe('what a responder announces', () => {
  it('is a device with its addresses, link-local with its zone', () => {
    expect(heard(kitchen).sightings({ services: 'devices' })).toEqual([
      {
        name: 'kitchen',
        host: 'kitchen.local',
        addresses: ['10.0.0.5', 'fe80::1%eth0'],
        sshPort: 22222,
        resinDevice: true,
      },
    ]);
  });

  it('is a device by the balena subtype as well', () => {
    const [, ...rest] = kitchen;
    const records = [ptr('_balena-device._sub._ssh._tcp.local', 'kitchen._ssh._tcp.local'), ...rest];
    expect(heard(records).sightings({ services: 'devices' })).toHaveLength(1);
  });

  it('is not a device without a subtype, and shown when all are asked for', () => {
    const [, ...rest] = kitchen;
    const responder = heard([ptr('_ssh._tcp.local', 'kitchen._ssh._tcp.local'), ...rest]);
    expect(responder.sightings({ services: 'devices' })).toEqual([]);
    expect(responder.sightings({ services: 'all' })).toMatchObject([{ name: 'kitchen', resinDevice: false }]);
  });

  it('may come in pieces and in any order of packets', () => {
    const responder = new Responder(origin());
    for (const record of kitchen) responder.add([record]);
    expect(responder.sightings({ services: 'devices' })).toHaveLength(1);
  });

  it('has names in any case', () => {
    const records = [
      ptr(SUBTYPE.toUpperCase(), 'Kitchen._SSH._tcp.local'),
      srv('KITCHEN._ssh._tcp.LOCAL', 'Kitchen.local'),
      address('kitchen.LOCAL', '10.0.0.5'),
    ];
    expect(heard(records).sightings({ services: 'devices' })).toMatchObject([{ name: 'Kitchen' }]);
  });

  it('may have dots and spaces in its name', () => {
    const name = 'My Pi 3.1._ssh._tcp.local';
    const responder = heard([ptr(SUBTYPE, name), srv(name, 'pi.local'), address('pi.local', '10.0.0.5')]);
    expect(responder.sightings({ services: 'devices' })).toMatchObject([{ name: 'My Pi 3.1' }]);
  });

  it('is shown with escapes where its name would act on a terminal', () => {
    const name = 'kit\u001b[2Jchen._ssh._tcp.local';
    const responder = heard([ptr(SUBTYPE, name), srv(name, 'x\n.local'), address('x\n.local', '10.0.0.5')]);
    expect(responder.sightings({ services: 'devices' })).toMatchObject([
      { name: 'kit\\u{1b}[2Jchen', host: 'x\\u{a}.local' },
    ]);
  });

  it('answers to the host name that was asked for, without a service', () => {
    const responder = heard([address('Pi.local', '10.0.0.5')]);
    expect(responder.sightings({ host: 'pi.local' })).toEqual([
      { name: 'pi.local', host: 'pi.local', addresses: ['10.0.0.5'], sshPort: undefined, resinDevice: false },
    ]);
  });

  it('has none of the addresses that nobody else can have', () => {
    const useless = [
      '127.0.0.1',
      '0.0.0.0',
      '224.0.0.251',
      '255.255.255.255',
      '::1',
      '172.17.0.1',
      '10.0.0.2',
    ];
    const records = [...kitchen, ...useless.map((value) => address('kitchen.local', value))];
    const [sighting] = heard(records).sightings({ services: 'devices' });
    expect(sighting?.addresses).toEqual(['10.0.0.5', 'fe80::1%eth0']);
  });

  it('keeps the addresses of this machine when this machine announces itself', () => {
    const records = [...kitchen.slice(0, 2), address('kitchen.local', '10.0.0.2')];
    const responder = heard(records, origin({ address: '10.0.0.2' }));
    expect(responder.sightings({ services: 'devices' })).toMatchObject([{ addresses: ['10.0.0.2'] }]);
  });

  it('has no link-local address when the interface is not known', () => {
    const [sighting] = heard(kitchen, origin({ zone: undefined })).sightings({ services: 'devices' });
    expect(sighting?.addresses).toEqual(['10.0.0.5']);
  });
});

describe('what a responder left out', () => {
  it('is asked for: the service of a name, then the addresses of a host', () => {
    const responder = heard([ptr(SUBTYPE, 'kitchen._ssh._tcp.local')]);
    expect(responder.openQuestions()).toEqual([{ name: 'kitchen._ssh._tcp.local', type: 'SRV' }]);
    responder.add([srv('kitchen._ssh._tcp.local', 'kitchen.local')]);
    expect(responder.openQuestions()).toEqual([
      { name: 'kitchen.local', type: 'A' },
      { name: 'kitchen.local', type: 'AAAA' },
    ]);
    responder.add([address('kitchen.local', '10.0.0.5')]);
    expect(responder.openQuestions()).toEqual([]);
  });

  it('is asked for in packets of bounded size, whatever was announced', () => {
    const names = Array.from({ length: 5000 }, (_, index) => ptr(SUBTYPE, `host${index}._ssh._tcp.local`));
    expect(heard(names).openQuestions().length).toBeLessThanOrEqual(16);
  });
});

describe('packets from the network', () => {
  const response = (
    answers: Parameters<typeof encode>[0]['answers'],
    type: 'response' | 'query' = 'response',
  ) => encode({ type, id: 0, flags: 0, ...(answers === undefined ? {} : { answers }) });

  it('are read with their types', () => {
    const packet = response([
      { type: 'PTR', name: SUBTYPE, ttl: 10, data: 'kitchen._ssh._tcp.local' },
      {
        type: 'SRV',
        name: 'kitchen._ssh._tcp.local',
        ttl: 10,
        data: { target: 'kitchen.local', port: 22222 },
      },
      { type: 'A', name: 'kitchen.local', ttl: 10, data: '10.0.0.5' },
      { type: 'AAAA', name: 'kitchen.local', ttl: 10, data: 'fd97:0:0:3::4' },
      { type: 'TXT', name: 'kitchen._ssh._tcp.local', ttl: 10, data: 'ignored' },
    ]);
    expect(readResponse(packet)).toEqual([
      ptr(SUBTYPE, 'kitchen._ssh._tcp.local'),
      srv('kitchen._ssh._tcp.local', 'kitchen.local'),
      address('kitchen.local', '10.0.0.5'),
      address('kitchen.local', 'fd97:0:0:3::4'),
    ]);
  });

  it('announce nothing when they are questions or goodbyes', () => {
    const answer = { type: 'PTR' as const, name: SUBTYPE, data: 'kitchen._ssh._tcp.local' };
    expect(readResponse(response([{ ...answer, ttl: 10 }], 'query'))).toEqual([]);
    expect(readResponse(response([{ ...answer, ttl: 0 }]))).toEqual([]);
  });

  it('are read up to a bound, however many records they have', () => {
    const many = Array.from({ length: 2000 }, () => ({
      type: 'PTR' as const,
      name: '_ssh._tcp.local',
      ttl: 10,
      data: 'x._ssh._tcp.local',
    }));
    expect(readResponse(response(many)).length).toBeLessThanOrEqual(256);
  });
});
