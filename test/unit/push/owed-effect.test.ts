import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import type { PushResult } from '../../../src/push/push-event.js';
import type { Deployment } from '../../../src/sync/deployment.js';
import { LIST_SCRIPT } from '../../../src/sync/container-script.js';
import { ExitCode } from '../../../src/errors.js';
import { EngineError } from '../../../src/transport/engine-error.js';
import { connectionCut } from '../../../src/transport/connection-error.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { runUntilKilled } from '../../contract/fake-process.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { listFiles } from './list-files.js';
import { onePush } from './one-push.js';

const APP = 'app';
const LABELS = { 'io.resin.rdt.app': APP };

let source: string;
let engine: FakeEngine;
let store: MemoryDeployments;
let interrupt: AbortController;
/** What the rule's program does: undefined for the success of an ordinary one. */
let migrate: (() => Promise<number>) | undefined;

beforeEach(async () => {
  source = mkdtempSync(join(tmpdir(), 'rdt-owed-'));
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
  store = new MemoryDeployments();
  migrate = undefined;
  engine = new FakeEngine((process) => {
    const { argv, killed } = process;
    if (argv[0] === 'main') return runUntilKilled(killed);
    if (argv[2] === LIST_SCRIPT) return listFiles(process);
    return argv.at(-1) === 'migrate' ? (migrate?.() ?? 0) : undefined;
  });
  engine.addImage(APP, { labels: LABELS, cmd: ['main'] });
  await engine.startContainer(await engine.createContainer(APP, containerSpec(settings())));
  await pushed();
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

const settings = () =>
  resolveSettings({}, { appName: APP, onChange: [{ paths: ['*.sql'], run: 'migrate' }] }, defaultSettings, {
    source,
  });

/** One `rdt push` of its own. */
async function pushed(): Promise<PushResult['action']> {
  interrupt = new AbortController();
  return onePush({ settings: settings(), engine, store, signal: interrupt.signal });
}

const calls = (method: string): number => engine.calls.filter((call) => call.startsWith(method)).length;

it('an app that the engine does not start again is told of by its name, with the exit code for that', async () => {
  writeFileSync(join(source, 'main.js'), 'new');
  const { id } = engine.container(APP);
  engine.restartContainer = () =>
    Promise.reject(new EngineError(400, `Cannot restart container ${id}: exec: "/entry.sh": no such file`));
  const failure = await pushed().catch((error: unknown) => error);
  expect(failure).toMatchObject({
    exitCode: ExitCode.appFailed,
    message: 'app could not be started again: Cannot restart container app: exec: "/entry.sh": no such file',
  });
});

describe('the push after one that was cut off', () => {
  it('by Ctrl-C during a rule runs that rule again, and restarts the app', async () => {
    writeFileSync(join(source, '1.sql'), 'create');
    migrate = () => {
      setTimeout(() => interrupt.abort(new Error('interrupted')), 1);
      return new Promise(() => undefined);
    };
    await expect(pushed()).rejects.toThrow('interrupted');
    let runs = 0;
    migrate = () => Promise.resolve(runs++ * 0);
    const restarts = calls('restartContainer');
    expect(await pushed()).toBe('sync');
    expect({ runs, restarts: calls('restartContainer') - restarts }).toEqual({ runs: 1, restarts: 1 });
    expect(await pushed()).toBe('none');
  });

  it('by the kill of rdt during a rule will run that rule again: it is noted before it runs', async () => {
    writeFileSync(join(source, '1.sql'), 'create');
    let noted: unknown;
    migrate = () => {
      noted = store.saved.at(-1)?.owed;
      return Promise.resolve(0);
    };
    await pushed();
    expect(noted).toEqual(['migrate']);
    expect(store.saved.at(-1)?.owed).toBeUndefined();
  });

  it('that was killed while it sent finds the new paths, and a debt, noted beforehand', async () => {
    writeFileSync(join(source, '1.sql'), 'create');
    let noted: Deployment | undefined;
    const put = engine.putArchive.bind(engine);
    engine.putArchive = (...words) => {
      noted ??= store.saved.at(-1);
      return put(...words);
    };
    await pushed();
    expect(noted).toMatchObject({ begun: [{ path: '1.sql', kind: 'file' }], owed: ['migrate'] });
    const { begun, owed } = store.saved.at(-1) ?? {};
    expect({ begun, owed }).toEqual({ begun: undefined, owed: undefined });
  });

  it('notes a path once, however often it was tried', async () => {
    writeFileSync(join(source, 'main.js'), 'new');
    engine.putArchive = () => Promise.reject(connectionCut('the device'));
    for (let push = 1; push <= 3; push++) await expect(pushed()).rejects.toThrow();
    expect(store.saved.at(-1)?.begun).toMatchObject([{ path: 'main.js', kind: 'file' }]);
  });

  it('compares once more when the one before has come to its end since', async () => {
    writeFileSync(join(source, 'main.js'), 'new');
    const put = engine.putArchive.bind(engine);
    engine.putArchive = () => Promise.reject(connectionCut('the device'));
    await expect(pushed()).rejects.toThrow();
    engine.putArchive = put;
    const look = engine.statPath.bind(engine);
    let looks = 0;
    engine.statPath = (ref, path, signal) => {
      // The first look is for the plan, the second for the lock.
      if (path.endsWith('.rdt-state') && ++looks === 3) {
        const { files } = engine.container(ref);
        files.write('/usr/src/app/main.js', 'new');
        const target = 'v1.late';
        files.put(path, { kind: 'symlink', target, mode: 0o777, uid: 0, gid: 0, mtimeMs: 0 });
      }
      return look(ref, path, signal);
    };
    expect(await pushed()).toBe('sync');
    expect(looks).toBeGreaterThan(3);
    expect(await pushed()).toBe('none');
  });

  it.each([true, false])(
    'when all had arrived, but for the answer, restarts the app (known before: %s)',
    async (isKnown) => {
      if (!isKnown) store = new MemoryDeployments();
      writeFileSync(join(source, 'main.js'), 'new');
      const put = engine.putArchive.bind(engine);
      engine.putArchive = async (...words) => {
        await put(...words);
        throw connectionCut('the device');
      };
      await expect(pushed()).rejects.toThrow();
      engine.putArchive = put;
      const restarts = calls('restartContainer');
      expect(await pushed()).toBe('sync');
      expect(calls('restartContainer') - restarts).toBe(1);
      expect(await pushed()).toBe('none');
    },
  );
});

describe('a push from another computer', () => {
  const volumes = async (): Promise<string[]> =>
    (await engine.listVolumes('io.resin.rdt.lock=app')).volumes.map(({ name }) => name);
  const restartsOnce = async (): Promise<void> => {
    const before = calls('restartContainer');
    expect(await pushed()).toBe('sync');
    expect({ restarts: calls('restartContainer') - before, left: await volumes() }).toEqual({
      restarts: 1,
      left: [],
    });
  };
  const interruptedInRule = async (): Promise<void> => {
    writeFileSync(join(source, '1.sql'), 'create');
    migrate = () => {
      setTimeout(() => interrupt.abort(new Error('interrupted')), 1);
      return new Promise(() => undefined);
    };
    await expect(pushed()).rejects.toThrow('interrupted');
  };
  const elsewhere = (): void => {
    store = new MemoryDeployments();
    migrate = undefined;
  };

  it('runs the rule that one from here was cut off in, and restarts the app, once', async () => {
    await interruptedInRule();
    expect(await volumes()).toEqual([expect.stringMatching(/^rdt-owed\.app\.[0-9a-f]{16}$/)]);
    elsewhere();
    let runs = 0;
    migrate = () => Promise.resolve(runs++ * 0);
    const before = calls('restartContainer');
    expect(await pushed()).toBe('sync');
    expect({ runs, restarts: calls('restartContainer') - before, left: await volumes() }).toEqual({
      runs: 1,
      restarts: 1,
      left: [],
    });
    elsewhere();
    migrate = () => Promise.resolve(runs++ * 0);
    expect(await pushed()).toBe('none');
    expect({ runs, restarts: calls('restartContainer') - before }).toEqual({ runs: 1, restarts: 1 });
  });

  it('that fails as well leaves the debt of both, once each', async () => {
    await interruptedInRule();
    const [debt] = await volumes();
    elsewhere();
    for (let push = 1; push <= 3; push++) {
      await interruptedInRule();
      expect(await volumes()).toEqual([debt]);
    }
  });

  it('finds nothing owed when a new container took the place of the one that was', async () => {
    await interruptedInRule();
    elsewhere();
    expect(await onePush({ settings: settings(), engine, store, forceBuild: true })).toBe('build');
    expect(await volumes()).toEqual([]);
  });

  it('restarts the app of one that was killed: its lock is still there', async () => {
    const ticket = { 'io.resin.rdt.lock': 'app', 'io.resin.rdt.lock.nonce': 'x' };
    await engine.createVolume('rdt-lock.app.1', { ...ticket, 'io.resin.rdt.lock.taken-at-ms': '1' });
    expect(await pushed()).toBe('none');
    elsewhere();
    await restartsOnce();
  });

  it.each(['', 'null', '7', '[]', '{"containerId":7,"rules":"migrate"}', '{"rules":[7,"migrate"]}'])(
    'takes what it cannot read (%j) for a restart that is owed',
    async (label) => {
      await engine.createVolume('rdt-owed.app.1', { 'io.resin.rdt.lock': 'app', 'io.resin.rdt.owed': label });
      elsewhere();
      await restartsOnce();
    },
  );

  it('is not kept out where the device cannot note the debt: its disk is full', async () => {
    engine.createVolume = (name, labels, signal) =>
      name.startsWith('rdt-owed')
        ? Promise.reject(new EngineError(500, 'no space left on device'))
        : FakeEngine.prototype.createVolume.call(engine, name, labels, signal);
    await interruptedInRule();
    expect(await volumes()).toEqual([]);
  });
});
