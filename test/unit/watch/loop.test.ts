import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ExitCode, RdtError } from '../../../src/errors.js';
import type { Clock } from '../../../src/runtime.js';
import { systemClock } from '../../../src/system-clock.js';
import { readTriggers } from '../../../src/sync/build-triggers.js';
import { EngineError } from '../../../src/transport/engine-error.js';
import { notAnEngine } from '../../../src/transport/connection-error.js';
import { eventually } from '../../testbed/eventually.js';
import { deaf } from './watched-folder.js';
import { type AnyEvent, WatchedLoop } from './watched-loop.js';

/** Its time goes by so many times faster. */
const quick = (factor: number): Clock => ({
  ...systemClock,
  monotonicMs: () => systemClock.monotonicMs() * factor,
  sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
});

describe('a watched app', () => {
  it('gets what changes, and is restarted', async () => {
    await using loop = new WatchedLoop();
    await loop.begin();
    const { startedAt } = loop.engine.container('app');
    const { batch } = await loop.andThen('batch', () => loop.write('a.txt', 'b'));
    expect(batch).toMatchObject({ files: 1, deleted: 0, effect: 'restarted' });
    expect(loop.deployed('a.txt')).toBe('b');
    expect(loop.engine.container('app').startedAt).not.toBe(startedAt);
  });

  it('keeps its lock for the whole session and lets it go at the end', async () => {
    await using loop = new WatchedLoop();
    await loop.begin();
    expect([...loop.engine.volumes.keys()]).toEqual(['rdt-lock.app.1']);
    await loop.end();
    expect([...loop.engine.volumes.keys()]).toEqual([]);
    expect(loop.engine.container('app').running).toBe(true);
  });

  it('is remembered once for many batches that follow each other, and at the end', async () => {
    await using loop = new WatchedLoop();
    await loop.begin();
    const before = loop.store.saved.length;
    for (const content of ['1', '2', '3', '4'])
      await loop.andThen('batch', () => loop.write('a.txt', content));
    await loop.end();
    expect(loop.store.saved.length - before).toBeLessThanOrEqual(2);
    const { token } = loop.store.saved.at(-1) ?? {};
    expect(loop.engine.container('app').files.find('/usr/src/app/.rdt-state')).toMatchObject({
      target: token,
    });
  });

  it('tells of a failure once, and brings all of the batch with the next try', async () => {
    await using loop = new WatchedLoop();
    await loop.begin();
    loop.engine.failNext('putArchive', new EngineError(500, 'no space left on device'));
    loop.write('a.txt', 'b');
    loop.write('c.txt', 'c');
    const { message } = await loop.untilEvent('batch-failed');
    expect(message).toContain('no space left on device');
    await loop.untilEvent('done', loop.events.length);
    expect(['a.txt', 'c.txt'].map((path) => loop.deployed(path))).toEqual(['b', 'c']);
    expect(loop.events.filter(({ type }) => type === 'batch-failed')).toHaveLength(1);
    await loop.andThen('batch', () => loop.write('d.txt', 'd'));
    expect(loop.deployed('d.txt')).toBe('d');
  });

  it('is tried again after longer and longer pauses, whatever was saved and failed meanwhile', async () => {
    await using loop = new WatchedLoop();
    await loop.begin();
    let puts = 0;
    loop.engine.putArchive = () => {
      puts++;
      return Promise.reject(new EngineError(500, 'no space left on device'));
    };
    await loop.andThen('batch-failed', () => loop.write('a.txt', 'b'));
    loop.write('b.txt', 'b');
    puts = 0;
    await sleep(4_000);
    // Two for each try: at once, and 0.8 and 2.1 s later, and once more when the save came late.
    expect(puts).toBeLessThanOrEqual(8);
  });

  it('tells each save that cannot arrive, and not each try', async () => {
    await using loop = new WatchedLoop();
    await loop.begin();
    loop.engine.putArchive = () => Promise.reject(new EngineError(500, 'no space left on device'));
    await loop.andThen('batch-failed', () => loop.write('a.txt', 'b'));
    await sleep(1_500);
    for (const path of ['b.txt', 'c.txt']) {
      const { again } = await loop.andThen('batch-failed', () => loop.write(path, path));
      expect(again).toBe(true);
    }
    await sleep(1_500);
    expect(loop.events.filter(({ type }) => type === 'batch-failed')).toHaveLength(3);
  });

  it('is told of when it is removed while a push fails, once', async () => {
    await using loop = new WatchedLoop();
    await loop.begin();
    await loop.andThen('batch', () => loop.makeFolder('package.json'));
    const { what } = await loop.andThen('app-changed', () =>
      loop.engine.removeContainer('app', { removeAnonymousVolumes: false }),
    );
    expect(what).toBe('removed');
    await sleep(2_000);
    expect(loop.events.filter(({ type }) => type === 'app-changed')).toHaveLength(1);
  });

  it('restarts the app for what had arrived when the connection was lost before the restart', async () => {
    await using loop = new WatchedLoop();
    await loop.begin();
    const { startedAt } = loop.engine.container('app');
    const put = loop.engine.putArchive.bind(loop.engine);
    loop.engine.putArchive = async (...args) => {
      await put(...args);
      loop.engine.disconnect();
    };
    await loop.andThen('device-lost', () => loop.write('a.txt', 'b'));
    loop.engine.putArchive = put;
    await loop.andThen('device-back', () => loop.engine.reconnect());
    expect(loop.deployed('a.txt')).toBe('b');
    expect(loop.engine.container('app').startedAt).not.toBe(startedAt);
  });

  it('takes its own lock again after the connection was lost', async () => {
    await using loop = new WatchedLoop();
    await loop.begin();
    await loop.andThen('device-lost', () => loop.engine.disconnect());
    expect(loop.engine.volumes.size).toBe(1);
    await loop.andThen('device-back', () => loop.engine.reconnect());
    expect(loop.engine.volumes.size).toBe(1);
    await loop.andThen('batch', () => loop.write('a.txt', 'after'));
  });

  it('is in step again when the disk of the device was full for longer than its lock lasts', async () => {
    await using loop = new WatchedLoop();
    loop.clock = quick(20);
    await loop.begin();
    const create = loop.engine.createVolume.bind(loop.engine);
    loop.engine.createVolume = () =>
      Promise.reject(new EngineError(500, 'mkdir …/rdt-lock.app.2: no space left on device'));
    const { reason } = await loop.untilEvent('device-lost');
    expect(reason).toContain('no space left on device');
    loop.write('a.txt', 'b');
    loop.engine.createVolume = create;
    await loop.untilEvent('device-back');
    await expect.poll(() => loop.deployed('a.txt')).toBe('b');
  });

  it('is told once of a large file that changes whenever it is sent, is sent it ever more rarely, and has it when it is at rest', async () => {
    await using loop = new WatchedLoop();
    loop.clock = quick(20);
    await loop.begin();
    const put = loop.engine.putArchive.bind(loop.engine);
    let [puts, isRestless] = [0, true];
    const write = (): void => loop.write('big', `${puts}`.padEnd(5 << 20, 'x'));
    loop.engine.putArchive = (...args) => {
      puts++;
      if (isRestless) write();
      return put(...args);
    };
    write();
    const { message } = await loop.untilEvent('warning');
    expect(message).toMatch(/^big changes all the time, also while it is sent/);
    expect(puts).toBeLessThan(20);
    await sleep(500);
    expect(loop.events.filter(({ type }) => type === 'warning')).toHaveLength(1);
    expect(loop.deployed('big')).toBeUndefined();
    isRestless = false;
    await expect.poll(() => loop.deployed('big')?.startsWith(`${puts - 1}x`)).toBe(true);
  });

  it('is not restarted for a large file that was gone before it was sent', async () => {
    await using loop = new WatchedLoop();
    await loop.begin();
    const { startedAt } = loop.engine.container('app');
    const put = loop.engine.putArchive.bind(loop.engine);
    let isFirst = true;
    loop.engine.putArchive = (...args) => {
      if (isFirst) loop.remove('big');
      isFirst = false;
      return put(...args);
    };
    loop.write('big', 'x'.repeat(5 << 20));
    await expect.poll(() => isFirst).toBe(false);
    await sleep(300);
    expect(loop.engine.container('app').startedAt).toBe(startedAt);
  });

  it.each([
    [
      'the engine was about to end as the lock was taken',
      'createVolume',
      new EngineError(500, 'database not open'),
    ],
    ['something else answered at its address', 'ping', new EngineError(403, 'denied destination')],
    ['something else answered with pages', 'listVolumes', notAnEngine('tcp://10.0.0.5:2375', 'GET /volumes')],
    ['something else answered where the lock is', 'listVolumes', new EngineError(404, 'page not found')],
  ] as const)('is in step again when %s', async (_, call, error) => {
    await using loop = new WatchedLoop();
    await loop.begin();
    await loop.andThen('device-lost', () => loop.engine.disconnect());
    loop.engine.failNext(call, error);
    await loop.andThen('device-back', () => loop.engine.reconnect());
    await loop.andThen('batch', () => loop.write('a.txt', 'b'));
    expect(loop.deployed('a.txt')).toBe('b');
  });

  it('is in step again when another host had its address for a while, which is told once with what to do', async () => {
    await using loop = new WatchedLoop();
    loop.clock = quick(20);
    const refusal = new RdtError('the host key has changed', { exitCode: ExitCode.auth, hint: 'Forget it.' });
    let isOther = false;
    loop.triggers = await readTriggers(loop.source, []);
    await loop.startOldApp();
    loop.watch('10.0.0.5', (deps) => ({
      connect: (device) => (isOther ? Promise.reject(refusal) : deps.connect(device)),
    }));
    await loop.untilEvent('watching');
    const after = loop.events.length;
    isOther = true;
    await loop.andThen('device-lost', () => loop.engine.disconnect());
    const reasons = () =>
      loop.events
        .slice(after)
        .flatMap((event) => (event.type === 'device-lost' ? [[event.reason, event.hint]] : []));
    await expect.poll(() => reasons().length).toBe(2);
    loop.engine.reconnect();
    await loop.clock.sleep(20_000);
    expect(reasons()).toEqual([
      [expect.any(String), undefined],
      ['the host key has changed', 'Forget it.'],
    ]);
    await loop.andThen('device-back', () => (isOther = false));
  });

  it.each([403, 500])(
    'is in step again when the engine has answered every question with %i for a while',
    async (status) => {
      await using loop = new WatchedLoop();
      loop.clock = quick(20);
      await loop.begin();
      const { engine } = loop;
      const answers = {
        inspectContainer: engine.inspectContainer.bind(engine),
        ping: engine.ping.bind(engine),
      };
      const refuse = () => Promise.reject(new EngineError(status, 'not now'));
      await loop.andThen('device-lost', () =>
        Object.assign(engine, { inspectContainer: refuse, ping: refuse }),
      );
      loop.write('a.txt', 'b');
      await loop.andThen('device-back', () => Object.assign(engine, answers));
      await expect.poll(() => loop.deployed('a.txt')).toBe('b');
    },
  );

  it('is told of when it ends, and started by the next change', async () => {
    await using loop = new WatchedLoop();
    await loop.begin();
    const exited = await loop.andThen('app-exited', () =>
      loop.engine.container('app').kill(9, { final: true }),
    );
    expect(exited).toMatchObject({ exitCode: 137, restarts: false });
    const { batch } = await loop.andThen('batch', () => loop.write('a.txt', 'b'));
    expect(batch.effect).toBe('started');
    expect(loop.engine.container('app').running).toBe(true);
  });

  it('is known to have been restarted by somebody, although a save without changes follows at once', async () => {
    await using loop = new WatchedLoop();
    await loop.begin();
    await loop.andThen('batch', () => loop.write('a.txt', 'b'));
    const changed = await loop.andThen('app-changed', async () => {
      await loop.engine.restartContainer('app', 0);
      loop.write('a.txt', 'b');
    });
    expect(changed.what).toBe('restarted');
  });

  it('has the rules run for what they name, before the restart, and only then', async () => {
    const rules = [{ paths: ['*.sql'], run: 'migrate' }];
    await using loop = new WatchedLoop(rules);
    await loop.begin();
    await loop.andThen('batch', () => loop.write('a.txt', 'b'));
    const { calls } = loop.engine;
    const rule = (call: string) => call.endsWith('/bin/sh -c migrate');
    expect(calls.some(rule)).toBe(false);
    const before = calls.length;
    await loop.andThen('batch', () => loop.write('1.sql', 'create'));
    const order = calls
      .slice(before)
      .filter((call) => rule(call) || /^(putArchive|restartContainer)/.test(call));
    expect(order.map((call) => call.split(' ')[0])).toEqual(['putArchive', 'exec', 'restartContainer']);
  });

  it('is built again when somebody takes a hash out of the project file', async () => {
    await using loop = new WatchedLoop();
    await loop.begin();
    loop.triggers = new Map([...loop.triggers, ['Dockerfile', 'none']]);
    const { decision } = await loop.andThen('decision', () => loop.write('.resin-sync.yml', 'changed: 1\n'));
    expect(decision).toMatchObject({ action: 'build', reasons: ['Dockerfile changed'] });
  });

  it('keeps what its image was built with, also when nothing was heard of it', async () => {
    await using loop = new WatchedLoop();
    loop.openWatcher = deaf;
    await loop.begin();
    loop.write('new', '1');
    const { summary } = await loop.andThen('synced', () =>
      loop.write('Dockerfile', 'FROM busybox\nRUN true\n'),
    );
    expect(summary).toMatchObject({ deleted: 0 });
    expect(loop.deployed('new')).toBe('1');
  });

  it('is not built again when the device was lost after the new container had proved itself', async () => {
    await using loop = new WatchedLoop();
    await loop.begin();
    const remove = loop.engine.removeContainer.bind(loop.engine);
    loop.engine.removeContainer = (...args) => {
      loop.engine.disconnect();
      return remove(...args);
    };
    await loop.andThen('device-lost', () => loop.write('Dockerfile', 'FROM busybox\nRUN true\n'));
    loop.engine.removeContainer = remove;
    await loop.andThen('device-back', () => loop.engine.reconnect());
    expect(loop.builder.requests).toHaveLength(1);
    expect(loop.engine.containers.size).toBe(1);
  });

  describe('whose project file changes', () => {
    const change = (loop: WatchedLoop): void => {
      loop.given = { ...loop.given, stopGraceMs: (loop.given.stopGraceMs ?? 0) + 100 };
      loop.write('.resin-sync.yml', `stop-grace: ${loop.given.stopGraceMs ?? ''}\n`);
    };
    const refused = (): never => {
      throw new RdtError('it cannot be read', { exitCode: ExitCode.usage });
    };

    it('is watched on when the file is wrong by the time it is taken in', async () => {
      await using loop = new WatchedLoop();
      await loop.begin();
      const after = loop.events.length;
      loop.beforeReading = (what) => {
        if (what === 'project' && loop.events.some(({ type }) => type === 'project-changed')) refused();
      };
      await loop.andThen('project-refused', () => change(loop));
      await loop.untilEvent('watching', after);
      await loop.andThen('batch', () => loop.write('a.txt', 'b'));
      loop.beforeReading = () => undefined;
      await loop.andThen('project-changed', () => change(loop));
      await loop.untilEvent('watching', loop.events.length);
      expect(loop.events.filter(({ type }) => type === 'project-refused')).toHaveLength(1);
    });

    it('is another app under another name, and the one before is told of', async () => {
      await using loop = new WatchedLoop();
      await loop.begin();
      const warned = loop.untilEvent('warning', loop.events.length);
      loop.given = { appName: 'other' };
      loop.write('.resin-sync.yml', 'app-name: other\n');
      expect((await warned).message).toMatch(/other from now on.*docker rm -f app/);
      expect(loop.engine.container('app').running).toBe(true);
    });

    it.each(['folder', 'trigger'])('is watched on when a %s cannot be read just then', async (kind) => {
      await using loop = new WatchedLoop();
      await loop.begin();
      const after = loop.events.length;
      loop.beforeReading = (what) => {
        if (what !== 'folder') return;
        if (kind === 'folder') refused();
        else loop.makeFolder('package.json');
      };
      await loop.andThen(kind === 'folder' ? 'batch-failed' : 'warning', () => change(loop));
      loop.beforeReading = () => undefined;
      if (kind === 'trigger') loop.remove('package.json');
      await loop.untilEvent('watching', after);
      await loop.andThen('batch', () => loop.write('a.txt', 'b'));
    });

    it('is built for a .dockerignore that changes while the file is taken over', async () => {
      await using loop = new WatchedLoop();
      await loop.begin();
      const after = loop.events.length;
      loop.beforeReading = (what) => {
        if (what === 'folder') loop.write('.dockerignore', 'a.txt\n');
      };
      await loop.andThen('project-changed', () => change(loop));
      await loop.untilEvent('watching', after);
      const decisions = loop.events.slice(after).filter((event) => event.type === 'decision');
      expect(decisions.map(({ decision }) => decision)).toContainEqual({
        action: 'build',
        reasons: expect.arrayContaining(['.dockerignore is new']) as unknown,
      });
    });

    it('is taken over after the device has been away', async () => {
      await using loop = new WatchedLoop();
      await loop.begin();
      await loop.andThen('device-lost', () => loop.engine.disconnect());
      await loop.andThen('device-back', () => loop.engine.reconnect());
      const after = loop.events.length;
      await loop.andThen('project-changed', () => change(loop));
      await loop.untilEvent('watching', after);
      expect(loop.events.slice(after).map(({ type }) => type)).not.toContain('device-lost');
    });

    it('is not written over by a push that ends before the change was seen', async () => {
      await using loop = new WatchedLoop();
      await loop.begin();
      const after = loop.events.length;
      const start = loop.engine.startContainer.bind(loop.engine);
      loop.engine.startContainer = (...args) => {
        loop.engine.startContainer = start;
        change(loop);
        return start(...args);
      };
      const before = loop.saves;
      loop.write('Dockerfile', 'FROM busybox\n# new\n');
      await loop.untilEvent('done', after);
      expect(loop.saves).toBe(before);
      await loop.untilEvent('project-changed', after);
      await loop.untilEvent('watching', after);
    });

    it('and cannot be read is told of once, and all else is synced', async () => {
      await using loop = new WatchedLoop();
      loop.write('.resin-sync.yml', 'stop-grace: 1\n');
      await loop.begin();
      const becomesFolder = (): void => {
        loop.remove('.resin-sync.yml');
        loop.makeFolder('.resin-sync.yml');
        loop.beforeReading = refused;
      };
      await loop.andThen('project-refused', becomesFolder);
      await loop.andThen('batch', () => loop.write('a.txt', 'b'));
      await loop.andThen('batch', () => loop.write('a.txt', 'c'));
      expect(loop.events.filter(({ type }) => type === 'project-refused')).toHaveLength(1);
      loop.beforeReading = () => undefined;
      await loop.andThen('project-changed', () => {
        loop.remove('.resin-sync.yml');
        change(loop);
      });
    });

    it('takes over its own lock when the device was away just then', async () => {
      await using loop = new WatchedLoop();
      await loop.begin();
      const after = loop.events.length;
      loop.beforeReading = () => loop.engine.disconnect();
      const { reason } = await loop.andThen('device-lost', () => change(loop));
      expect(reason).not.toContain('is being pushed by');
      loop.beforeReading = () => undefined;
      await loop.andThen('device-back', () => loop.engine.reconnect());
      expect(loop.events.slice(after).map(({ type }) => type)).toContain('project-changed');
    }, 15_000);
  });

  describe('with a trigger that cannot be read', () => {
    const begun = async (): Promise<WatchedLoop> => {
      const loop = new WatchedLoop();
      loop.write('package.json', '{}');
      await loop.begin();
      const { message } = await loop.andThen('warning', () => {
        loop.remove('package.json');
        loop.makeFolder('package.json');
      });
      expect(message).toMatch(/package.json is a folder.*the app gets what you save/);
      return loop;
    };

    it('gets what is saved, and is told of it once', async () => {
      await using loop = await begun();
      for (const content of ['b', 'c']) {
        loop.write('a.txt', content);
        const isThere = (): boolean => loop.deployed('a.txt') === content;
        await eventually(isThere, { what: content, withinMs: 5_000 });
      }
      expect(loop.events.filter(({ type }) => type === 'warning')).toHaveLength(1);
      expect(loop.events.filter(({ type }) => type === 'batch-failed')).toEqual([]);
    });

    it('is built when it can be read again and has changed, and for what else changed meanwhile', async () => {
      await using loop = await begun();
      await loop.andThen('batch', () => loop.write('Dockerfile', 'FROM busybox\n# new\n'));
      expect(loop.builder.requests).toHaveLength(0);
      const { decision } = await loop.andThen('decision', () => {
        loop.remove('package.json');
        loop.write('package.json', '{ "new": 1 }');
      });
      expect(decision).toMatchObject({ action: 'build' });
      expect(decision.reasons).toEqual(
        expect.arrayContaining(['Dockerfile changed', 'package.json changed']),
      );
      await loop.untilEvent('done', loop.events.length);
    });

    it('is synced again after the device was away', async () => {
      await using loop = await begun();
      await loop.andThen('device-lost', () => loop.engine.disconnect());
      loop.write('a.txt', 'b');
      await loop.andThen('device-back', () => loop.engine.reconnect());
      expect(loop.deployed('a.txt')).toBe('b');
    });
  });

  describe('that loses most of its files', () => {
    const many = Array.from({ length: 120 }, (_, index) => `${index}.txt`);
    const isHeldBack = (event: AnyEvent): boolean =>
      event.type === 'warning' && event.message.includes('gone from the folder');
    const begun = async (): Promise<WatchedLoop> => {
      const loop = new WatchedLoop();
      for (const path of many) loop.write(path, path);
      await loop.begin();
      return loop;
    };
    /** As `git checkout` does. */
    const checkOut = (loop: WatchedLoop): Promise<unknown> =>
      loop.andThen('batch', () => {
        for (const path of many) loop.remove(path);
        loop.write('a.txt', 'other branch');
      });

    it('keeps them in the app, and takes all else', async () => {
      await using loop = await begun();
      await checkOut(loop);
      expect(loop.deployed('a.txt')).toBe('other branch');
      await loop.andThen('batch', () => loop.write('a.txt', 'saved'));
      // They outnumber those that have gone.
      for (let n = 0; n < 130; n++) loop.write(`new${n}`, '');
      await loop.andThen('batch', () => loop.write('b.txt', 'saved'));
      await loop.andThen('batch', () => loop.write('b.txt', 'again'));
      expect(many.filter((path) => loop.deployed(path) === undefined)).toEqual([]);
      const told = loop.events.filter(isHeldBack);
      expect(told).toHaveLength(1);
      expect(told[0]).toMatchObject({ message: expect.stringContaining('120 of the ') as string });
    });

    it('still knows them as its own when it runs again', async () => {
      await using loop = await begun();
      await checkOut(loop);
      await loop.end();
      const { tree } = loop.store.saved.at(-1) ?? { tree: new Map() };
      expect(tree.get('a.txt')).toMatchObject({ sizeBytes: 'other branch'.length });
      expect(many.filter((path) => !tree.has(path))).toEqual([]);
    });
  });

  describe('that is not built, and does not take what has changed since either,', () => {
    const many = Array.from({ length: 120 }, (_, index) => `${index}.txt`);
    const begun = async (): Promise<WatchedLoop> => {
      const loop = new WatchedLoop();
      for (const path of many) loop.write(path, path);
      await loop.begin();
      await loop.andThen('build-failed', () => loop.write('Dockerfile', 'FROM busybox\nRUN exit 1\n'));
      return loop;
    };

    it('is built by what mends the build', async () => {
      await using loop = await begun();
      const after = loop.events.length;
      // As `git checkout` does.
      const { message } = await loop.andThen('warning', () => {
        for (const path of many) loop.remove(path);
        loop.write('Dockerfile', 'FROM busybox\n');
      });
      expect(message).toMatch(/^120 of the .* are gone from the folder/);
      const { result } = await loop.untilEvent('done', after);
      expect(result.action).toBe('build');
      expect(loop.events.filter(({ type }) => type === 'batch-failed')).toEqual([]);
    });

    it('is not built again and again', async () => {
      await using loop = await begun();
      const builds = loop.builder.requests.length;
      await loop.andThen('warning', () => many.forEach((path) => loop.remove(path)));
      await sleep(4_000);
      expect(loop.builder.requests.length - builds).toBeLessThanOrEqual(2);
    });
  });

  it.each([
    ['there is no app', false],
    ['the app of an earlier push gets what is saved', true],
  ])('is interrupted while no push has succeeded yet, where %s', async (_what, isOld) => {
    const loop = new WatchedLoop();
    try {
      loop.write('Dockerfile', 'FROM busybox\nRUN exit 1\n');
      if (isOld) await loop.startOldApp();
      loop.watch('10.0.0.5');
      expect(await loop.untilEvent('build-failed')).toMatchObject({ oldAppRuns: isOld });
      if (isOld) await loop.andThen('batch', () => loop.write('a.txt', 'new'));
      await expect(loop.end()).rejects.toThrow('interrupted');
    } finally {
      rmSync(loop.source, { recursive: true });
    }
  });

  it('is told once what its builds leave out, as long as it is the same', async () => {
    await using loop = new WatchedLoop();
    execFileSync('mkfifo', [join(loop.source, 'pipe')]);
    await loop.begin();
    const built = (command: string) =>
      loop.andThen('build-failed', () => loop.write('Dockerfile', `FROM busybox\nRUN ${command}\n`));
    const told = () =>
      loop.events.filter((event) => event.type === 'build' && event.event.type === 'warning').length;
    await built('exit 1');
    await built('exit 2');
    expect(told()).toBe(1);
    execFileSync('mkfifo', [join(loop.source, 'pipe2')]);
    await built('exit 3');
    expect(told()).toBe(2);
  });

  describe('whose build lacks a file that the sync ignores', () => {
    const begun = async (isOld: boolean): Promise<WatchedLoop> => {
      const loop = new WatchedLoop();
      loop.write('.gitignore', 'dist/\n*.log\n');
      loop.makeFolder('dist');
      if (isOld) await loop.startOldApp();
      else loop.engine.addImage('app', { labels: { 'io.resin.rdt.app': 'app' }, cmd: ['main'] });
      loop.write('Dockerfile', 'FROM busybox\nCOPY dist/main.js .\n');
      loop.watch('10.0.0.5');
      expect(await loop.untilEvent('build-failed')).toMatchObject({ oldAppRuns: isOld });
      return loop;
    };

    it.each([true, false])('is built when the file comes (with an old app: %s)', async (isOld) => {
      await using loop = await begun(isOld);
      const { result } = await loop.andThen('done', () => loop.write('dist/main.js', '1'));
      expect(result.action).toBe('build');
      expect(loop.builder.requests).toHaveLength(2);
    });

    it('is built when the file came while its build was under way', async () => {
      await using loop = new WatchedLoop();
      await loop.startOldApp();
      loop.write('.gitignore', 'dist/\n');
      loop.makeFolder('dist');
      loop.write('Dockerfile', 'FROM busybox\nCOPY dist/main.js .\n');
      const build = loop.builder.build.bind(loop.builder);
      loop.builder.build = async (...words) => {
        const outcome = await build(...words);
        loop.write('dist/main.js', '1');
        return outcome;
      };
      loop.watch('10.0.0.5');
      await loop.untilEvent('done');
      expect(loop.builder.requests).toHaveLength(2);
    });
  });

  it('is built once more for what was saved while its build failed', async () => {
    await using loop = new WatchedLoop();
    await loop.begin();
    const { builder } = loop;
    const build = builder.build.bind(builder);
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    builder.build = async (...words) => {
      await released;
      return build(...words);
    };
    await loop.andThen('decision', () => loop.write('Dockerfile', 'FROM busybox\nRUN exit 1\n'));
    await loop.andThen('changes-wait', () => loop.write('a.txt', 'mended'));
    release();
    const failures = (): number => loop.events.filter(({ type }) => type === 'build-failed').length;
    await eventually(() => failures() === 2, { what: 'a second build', withinMs: 5_000 });
    expect(builder.requests.length).toBe(2);
    await loop.andThen('build-failed', () => loop.write('a.txt', 'mended again'));
    expect(builder.requests.length).toBe(3);
  });

  it('is built once more for what was saved while its new container failed', async () => {
    await using loop = new WatchedLoop();
    await loop.begin();
    const { engine, builder } = loop;
    const start = engine.startContainer.bind(engine);
    engine.startContainer = () => {
      engine.startContainer = start;
      loop.write('a.txt', 'mended');
      return Promise.reject(new EngineError(400, 'no such program'));
    };
    const built = loop.events.length;
    await loop.andThen('build-failed', () => loop.write('Dockerfile', 'FROM busybox\n# new\n'));
    await loop.untilEvent('done', built);
    expect(builder.requests.length).toBe(2);
    expect(loop.deployed('a.txt')).toBe('mended');
  });

  it('is owed a rule that Ctrl-C cut off, by the next push', async () => {
    await using loop = new WatchedLoop([{ paths: ['*.sql'], run: 'migrate' }]);
    await loop.begin();
    const running = new Promise<void>((resolve) => {
      loop.migrate = () => {
        resolve();
        return new Promise(() => undefined);
      };
    });
    loop.write('1.sql', 'create');
    await running;
    await loop.end();
    expect(loop.store.saved.at(-1)?.owed).toEqual(['migrate']);
  });

  it('has a rule run once when the connection was lost before it', async () => {
    await using loop = new WatchedLoop([{ paths: ['*.sql'], run: 'migrate' }]);
    await loop.begin();
    let runs = 0;
    loop.migrate = () => runs++ * 0;
    const put = loop.engine.putArchive.bind(loop.engine);
    loop.engine.putArchive = async (...args) => {
      await put(...args);
      loop.engine.disconnect();
    };
    await loop.andThen('device-lost', () => loop.write('1.sql', 'create'));
    loop.engine.putArchive = put;
    await loop.andThen('device-back', () => loop.engine.reconnect());
    await loop.andThen('batch', () => loop.write('a.txt', 'later'));
    expect(runs).toBe(1);
  });
});
