import type { ImageBuilder } from '../../../src/build/image-builder.js';
import type { PushSettings } from '../../../src/project/settings.js';
import { push } from '../../../src/push/push.js';
import type { PushEvent, PushResult } from '../../../src/push/push-event.js';
import type { PushDeps, PushJob } from '../../../src/push/push-job.js';
import { readTriggers } from '../../../src/sync/build-triggers.js';
import type { DeploymentStore } from '../../../src/sync/deployment.js';
import type { Clock } from '../../../src/runtime.js';
import { systemClock } from '../../../src/system-clock.js';
import type { FakeEngine } from '../../contract/fake-engine.js';
import { FakeImageBuilder } from '../../contract/fake-image-builder.js';

export interface OnePush {
  readonly settings: PushSettings;
  readonly engine: FakeEngine;
  readonly store: DeploymentStore;
  readonly signal?: AbortSignal;
  readonly builder?: ImageBuilder;
  readonly forceBuild?: boolean;
  readonly force?: boolean;
  readonly pusher?: string;
  readonly emit?: (event: PushEvent) => void;
  readonly assertSavable?: () => Promise<void>;
  readonly save?: () => Promise<void>;
  readonly dryRun?: boolean;
  readonly clock?: Clock;
}

/** One `rdt push` of its own, to an engine in memory. */
export async function onePush({
  settings,
  engine,
  store,
  signal = new AbortController().signal,
  builder = new FakeImageBuilder(),
  forceBuild = false,
  force = false,
  pusher = 'tester@here',
  emit = () => undefined,
  assertSavable = () => Promise.resolve(),
  save = () => Promise.resolve(),
  dryRun = false,
  clock = systemClock,
}: OnePush): Promise<PushResult['action']> {
  const job: PushJob = {
    settings,
    savedTriggers: await readTriggers(settings.source, settings.buildTriggers),
    triggersGiven: false,
    isNameGuessed: settings.origin.appName === 'default',
    forceBuild,
    dryRun,
    force,
    verify: false,
    compress: true,
    assertSavable,
    save,
  };
  const deps: PushDeps = {
    device: {
      name: 'fake',
      address: '10.0.0.5',
      addresses: [],
      kind: 'development',
      engine: undefined,
      sshPort: 1,
    },
    engine,
    builder: () => Promise.resolve(builder),
    login: { hasAny: () => Promise.resolve(false), credentialsFor: () => Promise.resolve({}) },
    contextKeys: { take: () => Promise.resolve('key'), keep: () => Promise.resolve() },
    readSupervisor: () => Promise.reject(new Error('no app of these tests has one')),
    store,
    clock,
    env: {},
    platform: 'linux',
    pusher,
    holder: { name: 'tester', process: 'tester', hasEnded: () => false },
    emit,
    signal,
  };
  return (await push(job, deps)).action;
}
