import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Sighting } from '../../src/discovery/device.js';
import type { BrowseQuestion, MdnsBrowser } from '../../src/discovery/mdns-browser.js';

export interface BrowserStage {
  readonly browser: MdnsBrowser;
  /** From now on somebody answers for this host. */
  announce(sighting: Sighting): Promise<void>;
  tearDown(): Promise<void>;
}

const device: Sighting = {
  name: 'kitchen',
  host: 'kitchen.local',
  addresses: ['10.0.0.5', 'fd97::5'],
  sshPort: 22222,
  resinDevice: true,
};
const plainHost: Sighting = {
  name: 'nas',
  host: 'nas.local',
  addresses: ['10.0.0.9'],
  sshPort: 22,
  resinDevice: false,
};

/** What `MdnsBrowser` promises, for the fake and for the real one. */
export function mdnsBrowserContract(name: string, createStage: () => Promise<BrowserStage>): void {
  describe(name, () => {
    let stage: BrowserStage;
    const stop = new AbortController();
    beforeEach(async () => {
      stage = await createStage();
    });
    afterEach(() => stage.tearDown());

    /** The sightings until there are so many. */
    async function first(count: number, question: BrowseQuestion): Promise<readonly Sighting[]> {
      const enough = new AbortController();
      const sightings: Sighting[] = [];
      for await (const sighting of stage.browser.browse(
        question,
        AbortSignal.any([stop.signal, enough.signal]),
      )) {
        sightings.push(sighting);
        if (sightings.length === count) enough.abort();
      }
      return sightings;
    }

    it('tells of devices, and of other hosts only when all are asked for', async () => {
      await stage.announce(plainHost);
      await stage.announce(device);
      expect(await first(1, { services: 'devices' })).toEqual([device]);
      const all = await first(2, { services: 'all' });
      expect(all).toEqual(expect.arrayContaining([device, plainHost]));
    });

    it('resolves the name of a host, in any case', async () => {
      await stage.announce(plainHost);
      expect(await first(1, { host: 'NAS.local' })).toEqual([
        {
          name: 'NAS.local',
          host: 'NAS.local',
          addresses: ['10.0.0.9'],
          sshPort: undefined,
          resinDevice: false,
        },
      ]);
    });

    it('tells of a host that comes later', async () => {
      const browsing = first(1, { services: 'devices' });
      await stage.announce(device);
      expect(await browsing).toEqual([device]);
    });

    it('ends without an error when it is told to stop', async () => {
      const ended = new AbortController();
      const browsing = stage.browser.browse({ services: 'all' }, ended.signal)[Symbol.asyncIterator]();
      const next = browsing.next();
      ended.abort();
      expect(await next).toEqual({ done: true, value: undefined });
    });

    it('reports where it asks as soon as somebody has answered', async () => {
      await stage.announce(device);
      const enough = new AbortController();
      const browsing = stage.browser.browse({ services: 'devices' }, enough.signal);
      for await (const sighting of browsing) {
        expect(sighting).toEqual(device);
        expect(browsing.interfaces()).toEqual([expect.objectContaining({ failure: undefined })]);
        enough.abort();
      }
      expect.assertions(2);
    });
  });
}
