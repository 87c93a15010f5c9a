import { expect, it } from 'vitest';
import type { Deployment } from '../../../src/sync/deployment.js';
import { LazyDeployments } from '../../../src/watch/lazy-deployments.js';
import { FakeClock } from '../push/fake-clock.js';
import { MemoryDeployments } from './watched-loop.js';

const deployment = (token: string, containerId = 'c'): Deployment => ({
  containerId,
  source: '/source',
  destination: '/app',
  token,
  engineRun: 'e1',
  hasShell: true,
  owner: { uid: 0, gid: 0 },
  tree: new Map(),
});
const tokens = (store: MemoryDeployments): string[] => store.saved.map(({ token }) => token);

it('gives at once what was saved, and writes it after a second without another', async () => {
  const [store, clock] = [new MemoryDeployments(), new FakeClock()];
  await using lazy = new LazyDeployments(store, clock, () => undefined);
  await lazy.save(deployment('1'));
  await lazy.save(deployment('2'));
  expect((await lazy.load('c'))?.token).toBe('2');
  await clock.advance(999);
  expect(tokens(store)).toEqual([]);
  await clock.advance(1);
  await new Promise((resolve) => setImmediate(resolve));
  expect(tokens(store)).toEqual(['2']);
});

it('writes at once what has to outlive a process that is killed, and nothing older after it', async () => {
  const store = new MemoryDeployments();
  const lazy = new LazyDeployments(store, new FakeClock(), () => undefined);
  await lazy.save(deployment('1'));
  await lazy.saveNow(deployment('2'));
  expect(tokens(store)).toEqual(['2']);
  await lazy[Symbol.asyncDispose]();
  expect(tokens(store)).toEqual(['2']);
});

it('writes at the end what is not written yet, for each container', async () => {
  const store = new MemoryDeployments();
  const lazy = new LazyDeployments(store, new FakeClock(), () => undefined);
  await lazy.save(deployment('1', 'old'));
  await lazy.save(deployment('2', 'new'));
  await lazy[Symbol.asyncDispose]();
  expect(tokens(store)).toEqual(['1', '2']);
});

it('tells what keeps it from writing, and goes on', async () => {
  const failures: unknown[] = [];
  const store = { load: () => Promise.resolve(undefined), save: () => Promise.reject(new Error('full')) };
  const lazy = new LazyDeployments(store, new FakeClock(), (error) => failures.push(error));
  await lazy.save(deployment('1'));
  await lazy[Symbol.asyncDispose]();
  expect(failures).toEqual([new Error('full')]);
  expect((await lazy.load('c'))?.token).toBe('1');
});

it('keeps what it could not write, also when it reads anew what others wrote', async () => {
  const store = {
    load: () => Promise.resolve(deployment('0')),
    save: () => Promise.reject(new Error('full')),
  };
  await using lazy = new LazyDeployments(store, new FakeClock(), () => undefined);
  await lazy.save(deployment('1'));
  await lazy.forget();
  expect((await lazy.load('c'))?.token).toBe('1');
});

it('reads once, and again when others may have written', async () => {
  const store = new MemoryDeployments();
  await using lazy = new LazyDeployments(store, new FakeClock(), () => undefined);
  await lazy.save(deployment('1'));
  await lazy.forget();
  const read = await lazy.load('c');
  expect(read?.token).toBe('1');
  await store.save(deployment('2'));
  expect(await lazy.load('c')).toBe(read);
  await lazy.forget();
  expect((await lazy.load('c'))?.token).toBe('2');
});
