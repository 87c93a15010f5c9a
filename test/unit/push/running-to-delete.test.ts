import { afterEach, beforeEach, expect, it } from 'vitest';
import { runningToDelete } from '../../../src/push/running-to-delete.js';
import type { Container } from '../../../src/transport/engine.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { runUntilKilled } from '../../contract/fake-process.js';

const DELETION = [{ path: 'a', kind: 'file' }] as const;
const lost = new AbortController().signal;
let engine: FakeEngine;

beforeEach(() => {
  engine = new FakeEngine((process) => runUntilKilled(process.killed));
  engine.addImage('app', { cmd: ['main'] });
});
afterEach(() => engine[Symbol.asyncDispose]());

async function stopped(policy: 'always' | 'unless-stopped' | 'on-failure' | 'no'): Promise<Container> {
  const id = await engine.createContainer('app', {
    Image: 'app',
    Labels: {},
    HostConfig: { RestartPolicy: { Name: policy } },
  });
  const container = await engine.inspectContainer(id);
  if (container === undefined) throw new Error('it was not made');
  return container;
}

const plan = (deletions: readonly (typeof DELETION)[number][]) => ({
  uploads: ['b'],
  deletions,
  obstacles: [],
});

it.each(['always', 'unless-stopped'] as const)(
  'starts an app that is meant to run, with the policy %s',
  async (policy) => {
    const container = await runningToDelete({ engine, lost }, await stopped(policy), plan(DELETION));
    expect(container.state.running).toBe(true);
  },
);

it.each(['on-failure', 'no'] as const)(
  'starts none that has perhaps done its work, with the policy %s',
  async (policy) => {
    const container = await runningToDelete({ engine, lost }, await stopped(policy), plan(DELETION));
    expect(container.state.running).toBe(false);
    expect((await engine.inspectContainer('app'))?.state.running).toBe(false);
  },
);

it('starts none when nothing is to be deleted', async () => {
  const container = await runningToDelete({ engine, lost }, await stopped('always'), plan([]));
  expect(container.state.running).toBe(false);
});
