import { RdtError } from '../errors.js';
import type { KnownHostsStore } from './host-key-check.js';
import { type KnownHost, forgetHost } from './known-hosts.js';

/** Takes a device out of the known hosts; see `forgetHost`. Returns what was there; throws an `RdtError` when there was nothing. */
export const forgetDevice = async (store: KnownHostsStore, device: string): Promise<readonly KnownHost[]> => {
  const { forgotten } = forgetHost(await store.read(), device);
  if (forgotten.length === 0) {
    throw new RdtError(`No ssh host key is known of ${device}.`, {
      hint: '`rdt known-hosts list` shows the ones that are.',
    });
  }
  await store.rewrite((text) => forgetHost(text, device).text);
  return forgotten;
};
