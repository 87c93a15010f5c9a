import { describe, expect, it } from 'vitest';
import type { Device } from '../../../src/discovery/device.js';
import { compareMachines, type EngineInfoAnswer } from '../../../src/discovery/machine-identity.js';

const deviceAt = (address: string, hasEngine: boolean): Device => ({
  name: 'kitchen',
  address,
  addresses: [address],
  kind: hasEngine ? 'development' : 'production',
  engine: hasEngine ? { host: address, port: 2375, apiVersion: '1.41' } : undefined,
  sshPort: 22222,
});

const infoWith = (id: string): EngineInfoAnswer => ({
  type: 'info',
  info: { id, version: '', architecture: '', hostname: '', operatingSystem: '', runningContainers: 0 },
});

/** Compares 10.0.0.5 with 10.0.0.6, which have these engine ids and host keys. */
function compare(engines: boolean, ids: [string?, string?], keys: [string?, string?]): Promise<boolean> {
  const at = <T>(address: string, pair: [T?, T?]): T | undefined => pair[address === '10.0.0.5' ? 0 : 1];
  const isSame = compareMachines(
    {
      read: ({ host }) => {
        const id = at(host, ids);
        return Promise.resolve(id === undefined ? { type: 'failed', failure: 'silent' } : infoWith(id));
      },
    },
    {
      read: (address) => {
        const key = at(address, keys);
        return Promise.resolve(key === undefined ? undefined : Buffer.from(key));
      },
    },
  );
  return isSame(deviceAt('10.0.0.5', engines), deviceAt('10.0.0.6', engines), new AbortController().signal);
}

describe('whether two devices of one name are one machine', () => {
  it.each<[string, boolean, [string?, string?], [string?, string?], boolean]>([
    ['yes, with the same engine', true, ['A', 'A'], [], true],
    [
      'no, with different engines, whatever their host keys (flashed from one image)',
      true,
      ['A', 'B'],
      ['K', 'K'],
      false,
    ],
    ['yes, without engines and with the same host key', false, [], ['K', 'K'], true],
    ['no, without engines and with different host keys', false, [], ['K', 'L'], false],
    ['yes, with silent engines and the same host key', true, [], ['K', 'K'], true],
    ['no, when one engine has no id and no key is shown', true, ['', ''], [], false],
    ['no, when nothing can be learned', false, [], [], false],
  ])('%s', async (_what, engines, ids, keys, expected) => {
    expect(await compare(engines, ids, keys)).toBe(expected);
  });
});
