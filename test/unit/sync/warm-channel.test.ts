import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RdtError } from '../../../src/errors.js';
import { STAGE_LOOP_SCRIPT, UNFIT_STATUS } from '../../../src/sync/stage-script.js';
import { WarmChannel } from '../../../src/sync/warm-channel.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { type FakeProcess, runUntilKilled } from '../../contract/fake-process.js';
import { playStages } from '../../contract/fake-stages.js';
import { SyncedFolder } from '../../contract/synced-folder.js';
import { eventually } from '../../testbed/eventually.js';

type Shell = (process: FakeProcess) => Promise<number> | number | undefined;

const DESTINATION = '/usr/src/app';

/** Says that it is there, and ends as soon as it is given something to do. */
const frail: Shell = async ({ stdin, stdout }) => {
  stdout.write('rdt:ready plain\n');
  await stdin[Symbol.asyncIterator]().next();
  return 137;
};

let engine: FakeEngine;
let channel: WarmChannel | undefined;
let folder: SyncedFolder;
/** What the shell that stays does; other scripts are always played. */
let shell: Shell;

beforeEach(async () => {
  shell = playStages;
  channel = undefined;
  engine = new FakeEngine((process) => {
    if (process.argv[0] === 'app') return runUntilKilled(process.killed);
    return process.argv[2] === STAGE_LOOP_SCRIPT ? shell(process) : playStages(process);
  });
  engine.addImage('busybox', { cmd: ['app'] });
  const id = await engine.createContainer('app', { Image: 'busybox', Labels: {}, HostConfig: {} });
  await engine.startContainer(id);
  const container = engine.container(id).describe();
  folder = new SyncedFolder(engine, container, DESTINATION, (request) => opened().commit(request));
});
afterEach(async () => {
  await channel?.[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
  await engine[Symbol.asyncDispose]();
});

function opened(): WarmChannel {
  channel ??= WarmChannel.open(
    { engine, container: folder.container, destination: DESTINATION, compress: true },
    new AbortController().signal,
  );
  return channel;
}

const until = (what: string, probe: () => boolean): Promise<unknown> =>
  eventually(probe, { what, withinMs: 5_000, everyMs: 1 });

const untilWarm = (): Promise<unknown> => until('warming up', () => opened().isWarm);

const content = (path: string): string | undefined =>
  engine.container('app').files.read(`${DESTINATION}/${path}`);

describe('a warm channel', () => {
  it('takes small commits, and leaves large ones and many files to a push', async () => {
    await untilWarm();
    folder.write('small', 'x');
    expect(await folder.commit()).toMatchObject({ channel: 'warm' });
    folder.write('large', Buffer.alloc(2 << 20));
    expect(await folder.commit()).toMatchObject({ channel: 'archive' });
    for (let n = 0; n < 301; n++) folder.write(`many/${n}`, `${n}`);
    expect(await folder.commit()).toMatchObject({ channel: 'archive' });
    await folder.expectInStep();
  });

  it('commits before it is warm', async () => {
    folder.write('a', 'early');
    expect(await folder.commit()).toMatchObject({ channel: 'archive' });
    expect(content('a')).toBe('early');
  });

  it('stays cold without a shell, and a deletion needs a new container', async () => {
    shell = () => undefined;
    opened();
    await until('giving up', () => opened().isCold);
    folder.write('a', 'x');
    folder.write('b', 'x');
    expect(await folder.commit()).toMatchObject({ channel: 'archive' });
    folder.remove('b');
    expect(await folder.commit()).toMatchObject({ kind: 'needs-rebuild' });
  });

  it.each([
    ['restarted', async () => engine.restartContainer('app', 0)],
    [
      'restarted just after that',
      async () => {
        await Promise.resolve();
        await engine.restartContainer('app', 0);
      },
    ],
  ])('warms up when its shell could not be started because the app was %s', async (_, restart) => {
    let restarted: Promise<void> | undefined;
    shell = () => {
      shell = playStages;
      restarted = restart();
      return undefined;
    };
    await untilWarm();
    await restarted;
    folder.write('a', 'x');
    expect(await folder.commit()).toMatchObject({ channel: 'warm' });
  });

  it('stays cold where the shell lacks a program, and a deletion is done by a script all the same', async () => {
    shell = () => UNFIT_STATUS;
    opened();
    await until('giving up', () => opened().isCold);
    folder.write('a', 'x');
    folder.write('b', 'x');
    await folder.sync();
    folder.remove('b');
    expect(await folder.commit()).toMatchObject({ channel: 'script' });
    await folder.expectInStep();
  });

  it('does a commit again whose shell ended in the middle', async () => {
    shell = frail;
    await untilWarm();
    folder.write('a', 'x');
    expect(await folder.commit()).toMatchObject({ kind: 'committed', channel: 'archive' });
    await folder.expectInStep();
  });

  it('does not repeat what moves things out of the way: how far it came is not known', async () => {
    shell = frail;
    folder.write('a/b', 'x');
    await folder.sync();
    await untilWarm();
    folder.remove('a');
    folder.write('a', 'file');
    await expect(folder.commit()).rejects.toThrow(/in the middle of a sync/);
  });

  it('changes nothing when the container has another state than the one that it knows', async () => {
    folder.write('a', 'ours');
    await folder.sync();
    await untilWarm();
    const files = engine.container('app').files;
    files.put(`${DESTINATION}/.rdt-state`, {
      kind: 'symlink',
      target: 'v1.theirs',
      mode: 0o777,
      uid: 0,
      gid: 0,
      mtimeMs: 0,
    });
    folder.write('a', 'ours again');
    await expect(folder.commit()).rejects.toThrow(RdtError);
    expect(content('a')).toBe('ours');
  });

  it('ends its shell when it is closed, after the commit that is under way', async () => {
    await untilWarm();
    folder.write('a', 'x');
    const committing = folder.commit();
    await until('the commit has begun', () => engine.calls.length > 0);
    await opened()[Symbol.asyncDispose]();
    expect(await committing).toMatchObject({ kind: 'committed' });
    expect(opened().isWarm).toBe(false);
  });
});
