import { describe, expect, it } from 'vitest';
import { decide, type DecisionInput } from '../../../src/push/decision.js';
import type { Container, Image } from '../../../src/transport/engine.js';

const image: Image = { id: 'sha256:1', tags: ['app:latest'], labels: {} };
const container: Container = {
  id: 'c1',
  name: 'app',
  imageId: 'sha256:1',
  createdAt: '2026-01-01T00:00:00Z',
  labels: {},
  state: {
    status: 'running',
    running: true,
    restarting: false,
    paused: false,
    exitCode: 0,
    pid: 4711,
    error: '',
    startedAt: '2026-01-01T00:00:00Z',
    finishedAt: undefined,
    restartCount: 0,
  },
  stopSignal: 'SIGTERM',
  user: '',
  workingDir: '',
  env: [],
  tty: true,
  readonlyRootfs: false,
  network: { kind: 'host' },
  mounts: [],
  restartPolicy: { name: 'always', maximumRetries: 0 },
  tmpfs: [],
};
const unchanged = { changed: [], appeared: [], vanished: [] };
const settled: DecisionInput = {
  app: 'app',
  forceBuild: false,
  triggersGiven: false,
  triggerChanges: unchanged,
  changesSinceBuilt: unchanged,
  image,
  container,
};

describe('decide', () => {
  it('syncs when image, container and triggers are as they were', () => {
    expect(decide(settled)).toEqual({ action: 'sync', reasons: ['no build trigger changed'] });
  });

  it.each<[string, Partial<DecisionInput>, RegExp]>([
    ['it is told to', { forceBuild: true }, /--force-build/],
    ['triggers are given', { triggersGiven: true }, /--build-triggers/],
    ['nothing is recorded', { triggerChanges: undefined }, /no build is recorded/],
    [
      'a trigger changed',
      { triggerChanges: { ...unchanged, changed: ['Dockerfile'] } },
      /Dockerfile changed/,
    ],
    [
      'a trigger appeared',
      { triggerChanges: { ...unchanged, appeared: ['package.json'] } },
      /package.json is new/,
    ],
    [
      'a trigger vanished',
      { triggerChanges: { ...unchanged, vanished: ['package.json'] } },
      /package.json is gone/,
    ],
    [
      'the device has what another Dockerfile made',
      { changesSinceBuilt: { ...unchanged, changed: ['Dockerfile'] } },
      /^Dockerfile is not the one that the app on the device was built from$/,
    ],
    [
      'the device has what was made without a trigger',
      { changesSinceBuilt: { ...unchanged, appeared: ['package.json'] } },
      /^the app on the device was built without package.json$/,
    ],
    [
      'the device has what was made with a trigger that is gone',
      { changesSinceBuilt: { ...unchanged, vanished: ['package.json'] } },
      /^the app on the device was built with package.json, which is gone$/,
    ],
    [
      'a trigger changed since the last push and since the last build',
      {
        triggerChanges: { ...unchanged, changed: ['Dockerfile'] },
        changesSinceBuilt: { ...unchanged, changed: ['Dockerfile'] },
      },
      /^Dockerfile changed$/,
    ],
    ['the image is missing', { image: undefined }, /no image/],
    ['the container is missing', { container: undefined }, /no container/],
    [
      'the container is of another image',
      { container: { ...container, imageId: 'sha256:2' } },
      /another image/,
    ],
  ])('builds when %s, and says so', (_, change, reason) => {
    const decision = decide({ ...settled, ...change });
    expect(decision).toMatchObject({ action: 'build', reasons: [expect.stringMatching(reason)] });
  });

  it('syncs when the device does not tell what its app was built from', () => {
    expect(decide({ ...settled, changesSinceBuilt: undefined }).action).toBe('sync');
  });

  it('names every reason', () => {
    const decision = decide({ ...settled, forceBuild: true, image: undefined, container: undefined });
    expect(decision.action === 'build' && decision.reasons.length).toBe(3);
  });
});
