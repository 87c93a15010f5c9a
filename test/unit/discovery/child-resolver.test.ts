import { describe, expect, it } from 'vitest';
import { ChildResolver } from '../../../src/discovery/os/child-resolver.js';

const resolver = new ChildResolver(process.env);

describe("the system's resolver", () => {
  it('knows localhost', async () => {
    const addresses = await resolver.resolve('localhost', new AbortController().signal);
    expect(addresses.some((address) => address === '127.0.0.1' || address === '::1')).toBe(true);
  });

  it.each(['', '-p', '--eval=1', 'no such host'])(
    'knows nothing of %j, and takes it for no option',
    async (name) => {
      expect(await resolver.resolve(name, AbortSignal.timeout(5000))).toEqual([]);
    },
  );

  it('is left alone when nobody waits any more', async () => {
    expect(await resolver.resolve('localhost', AbortSignal.abort())).toEqual([]);
  });
});
