import { beforeEach, describe, expect, it } from 'vitest';
import { type ScanRow, scan } from '../../../src/discovery/scan.js';
import { toScanJson } from '../../../src/discovery/scan-json.js';
import { FakeNetwork, sightingOf } from './network.js';

let network: FakeNetwork;
beforeEach(() => {
  network = new FakeNetwork();
});

class Scanning {
  readonly rows: ScanRow[] = [];
  readonly controller = new AbortController();
  ended = false;
  failure: unknown;

  constructor(services: 'devices' | 'all' = 'devices') {
    const deps = { ...network.deps(), engineInfo: network.engineInfo };
    void this.#read(scan({ services, limitMs: 3000 }, deps, this.controller.signal).rows);
  }

  async after(ms: number): Promise<readonly ScanRow[]> {
    await network.clock.advance(ms);
    return this.rows;
  }

  async #read(rows: AsyncIterable<ScanRow>): Promise<void> {
    try {
      for await (const row of rows) this.rows.push(row);
    } catch (error) {
      this.failure = error;
    } finally {
      this.ended = true;
    }
  }
}

describe('a scan', () => {
  it('tells of a device at once, with what its engine says', async () => {
    network.add('kitchen', '10.0.0.5');
    const [row] = await new Scanning().after(0);
    expect(row).toMatchObject({
      name: 'kitchen',
      address: '10.0.0.5',
      kind: 'development',
      enginePort: 2375,
    });
    expect(row?.info).toMatchObject({ version: '20.10.24', architecture: 'armv7l', runningContainers: 2 });
  });

  it('is not delayed by a device whose engine hangs, and tells of that one with the reason', async () => {
    network.add('bath', '10.0.0.6', 'production').add('kitchen', '10.0.0.5');
    network.knocker.put('10.0.0.6', 2375, { type: 'hangs' });
    const scanning = new Scanning();
    expect((await scanning.after(0)).map(({ name }) => name)).toEqual(['kitchen']);
    expect((await scanning.after(2000))[1]).toMatchObject({
      name: 'bath',
      kind: 'development',
      trouble: 'port 2375 accepts connections but says nothing',
    });
  });

  it('tells of an engine that answers a ping and nothing else after 2 s', async () => {
    network.add('kitchen', '10.0.0.5');
    network.engineInfo.answers.delete('10.0.0.5');
    const scanning = new Scanning();
    expect(await scanning.after(1999)).toEqual([]);
    expect((await scanning.after(1))[0]).toMatchObject({
      info: undefined,
      trouble: 'the engine on port 2375 answers no questions',
    });
  });

  it('tells of a silent device in the end, with the reason', async () => {
    network.add('cellar', '10.0.0.7', 'dead');
    const scanning = new Scanning();
    expect(await scanning.after(2999)).toEqual([]);
    expect((await scanning.after(1))[0]).toMatchObject({
      name: 'cellar',
      kind: 'unreachable',
      trouble: 'connection refused (ports 2375, 2377, 22222)',
    });
  });

  it('does not tell of a device as silent that is found by another address', async () => {
    network.browser.announce(sightingOf('kitchen', 'fd97::5'));
    const scanning = new Scanning();
    await scanning.after(500);
    network.knocker.put('10.0.0.5', 22222, { type: 'ssh' });
    network.browser.announce(sightingOf('kitchen', '', { addresses: ['10.0.0.5', 'fd97::5'] }));
    const rows = await scanning.after(3000);
    expect(rows.map(({ kind }) => kind)).toEqual(['production']);
  });

  it('shows other hosts only when all are asked for, and calls them so', async () => {
    network.knocker.put('10.0.0.9', 22, { type: 'ssh' });
    network.browser.announce(sightingOf('nas', '10.0.0.9', { resinDevice: false, sshPort: 22 }));
    expect(await new Scanning('devices').after(0)).toEqual([]);
    expect((await new Scanning('all').after(0))[0]).toMatchObject({ name: 'nas', kind: 'host', sshPort: 22 });
  });

  it('ends when its time is up', async () => {
    const scanning = new Scanning();
    await scanning.after(2999);
    expect(scanning.ended).toBe(false);
    await scanning.after(1);
    expect(scanning).toMatchObject({ ended: true, rows: [], failure: undefined });
  });

  it('rejects with the reason of the signal when it is interrupted', async () => {
    const scanning = new Scanning();
    const reason = new Error('interrupted by SIGINT');
    await scanning.after(100);
    scanning.controller.abort(reason);
    await scanning.after(0);
    expect(scanning.failure).toBe(reason);
  });

  it('has null for the unknown in JSON', async () => {
    network.add('kitchen', '10.0.0.5').add('bath', '10.0.0.6', 'production');
    const rows = await new Scanning().after(0);
    expect(rows.map(toScanJson)).toEqual(
      expect.arrayContaining([
        {
          name: 'kitchen',
          address: '10.0.0.5',
          addresses: ['10.0.0.5'],
          kind: 'development',
          sshPort: 22222,
          engine: {
            port: 2375,
            version: '20.10.24',
            architecture: 'armv7l',
            operatingSystem: 'balenaOS',
            runningContainers: 2,
          },
          trouble: null,
        },
        {
          name: 'bath',
          address: '10.0.0.6',
          addresses: ['10.0.0.6'],
          kind: 'production',
          sshPort: 22222,
          engine: null,
          trouble: null,
        },
      ]),
    );
  });
});
