import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { containerSpec } from '../../../src/push/container-spec.js';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { newPackedFiles } from '../../../src/sync/commit-archive.js';
import type { Deployed, Deployment, Gone } from '../../../src/sync/deployment.js';
import { deployedTree } from '../../../src/sync/deployed-tree.js';
import { readDeployed } from '../../../src/sync/read-deployed.js';
import { begunWith, goneFrom } from '../../../src/sync/trace.js';
import { type LocalEntry, type LocalTree, NEVER, type Tree } from '../../../src/sync/tree.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { type FakeProcess, runUntilKilled } from '../../contract/fake-process.js';
import { directory, file, link, tree } from './trees.js';

const SOURCE = '/home/anna/app';
const DESTINATION = '/usr/src/app';
const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex');

let engine: FakeEngine;
/** What the container prints when it is asked for its paths. */
let listing: string[];
/** What becomes of a program that is to ask it. */
let end: 'answers' | 'no shell' | 'killed';

beforeEach(async () => {
  end = 'answers';
  engine = new FakeEngine((process) =>
    process.argv[0] === 'main' ? runUntilKilled(process.killed) : list(process),
  );
  engine.addImage('app', { cmd: ['main'] });
  const settings = resolveSettings({}, { appName: 'app' }, defaultSettings, { source: SOURCE });
  await engine.startContainer(await engine.createContainer('app', containerSpec(settings)));
});
afterEach(() => engine[Symbol.asyncDispose]());

function list({ stdin, stdout }: FakeProcess): number {
  stdin.resume();
  if (end !== 'answers') return end === 'killed' ? 137 : 127;
  stdout.write(['state v1.other', ...listing, 'rdt:0', ''].join('\n'));
  return 0;
}

const stat = (mode: number, path: string, time: string): string => `s ${mode.toString(16)} ${time} ./${path}`;
const TIME = '1700000000 2023-11-14 22:13:20.5 +0000'.replace('.5', '.500000000');
const folderThere = (path: string): string => stat(0o040_755, path, TIME);
const fileThere = (path: string, content: string, time = TIME): string =>
  `${stat(0o100_644, path, time)}\n${sha256(content)}  ./${path}`;

type Remembered = Pick<Deployment, 'tree' | 'begun' | 'gone'>;

/** What is known of the container when the folder is empty, and a sync was cut off, or the device has started anew. */
const deployedNow = async (remembered: Remembered): Promise<Tree> =>
  (await readNow(remembered, tree({}))).tree;

async function readNow(
  remembered: Remembered,
  local: LocalTree,
  { left = tree({}), engineRun = 'now' } = {},
): Promise<Deployed> {
  const container = await engine.inspectContainer('app');
  if (container === undefined) throw new Error('the app is not there');
  const stored: Deployment = {
    containerId: container.id,
    source: SOURCE,
    destination: DESTINATION,
    token: 'v1.mine',
    engineRun: 'before',
    hasShell: true,
    owner: { uid: 0, gid: 0 },
    ...remembered,
  };
  const { signal } = new AbortController();
  const target = { engine, container, source: SOURCE, destination: DESTINATION, signal };
  const marks = { token: 'v1.mine', engineRun };
  return readDeployed(target, Promise.resolve(local), {
    marks,
    stored,
    left,
    leftByBegun: [],
    verify: false,
  });
}

describe('a container that does not answer', () => {
  const begun = begunWith({ tree: tree({}) }, [['a', file('x')]]);
  const before = { tree: tree({ old: file('old') }), begun };

  it('is to be asked the next time what a sync that was cut off has left there: it may be of the app', async () => {
    end = 'killed';
    const now = await readNow(before, tree({}));
    expect([...now.tree.keys()]).toEqual(['old']);
    expect(now).toMatchObject({ knowledge: 'none', unsettled: begun });
  });

  it('will hold what is sent now', async () => {
    end = 'killed';
    expect(await readNow(before, tree({ a: file('y') }))).toMatchObject({ unsettled: [] });
  });

  it('is taken to hold all that may have arrived, where it has no shell and never will answer', async () => {
    end = 'no shell';
    const now = await readNow(before, tree({}));
    expect([...now.tree.keys()].sort()).toEqual(['a', 'old']);
    expect(now.unsettled).toEqual([]);
  });

  it.each(['killed', 'no shell'] as const)('holds what has to make way (%s)', async (how) => {
    end = how;
    const remembered = tree({ a: directory(), 'a/x': file('x'), b: file('b'), c: file('c') });
    const local = tree({ a: file('a'), b: directory(), 'b/x': file('x'), c: file('other') });
    const now = await readNow({ tree: remembered, begun }, local);
    expect([...now.tree.keys()].sort()).toEqual(['a', 'a/x', 'b']);
  });
});

describe('a path that a sync which was cut off has made another kind of, and that has left the folder since', () => {
  it('is the file that was found, where a folder is remembered', async () => {
    listing = [fileThere('a', 'now a file')];
    const there = await deployedNow({
      tree: tree({ a: directory(), 'a/x': file('x') }),
      begun: [{ path: 'a', kind: 'file' }],
    });
    expect(there.get('a')).toMatchObject({ kind: 'file', sha256: sha256('now a file') });
  });

  it('is the folder that was found, where a file is remembered', async () => {
    listing = [folderThere('a'), fileThere('a/x', 'x')];
    const begun = [
      { path: 'a', kind: 'directory' },
      { path: 'a/x', kind: 'file' },
    ] as const;
    const there = await deployedNow({ tree: tree({ a: file('a') }), begun });
    expect(there.get('a')?.kind).toBe('directory');
    expect(there.get('a/x')?.kind).toBe('file');
  });

  it('is what is remembered, where the app has put a third kind', async () => {
    listing = [`${stat(0o120_777, 'a', TIME)}\nl ./a\n/elsewhere\n.`];
    const there = await deployedNow({ tree: tree({ a: directory() }), begun: [{ path: 'a', kind: 'file' }] });
    expect(there.get('a')?.kind).toBe('directory');
  });
});

describe('a path that a sync which was cut off was to bring, and that has left the folder since', () => {
  const LARGE: LocalEntry = {
    ...file('x'),
    kind: 'file',
    mode: 0o644,
    sha256: 'hash of the hashes of its blocks',
    sizeBytes: 5 << 20,
    stamp: { mtimeMs: 1_700_000_000_900, ctimeMs: 0, inode: 1 },
  };
  const SMALL: LocalEntry = { ...LARGE, ...file('x'), stamp: LARGE.stamp };
  const linkThere = (target: string): string => `${stat(0o120_777, 'a', TIME)}\nl ./a\n${target}\n.`;
  const isOurs = async (sent: LocalEntry): Promise<boolean> => {
    const begun = begunWith({ tree: tree({}) }, [['a', sent]]);
    return (await deployedNow({ tree: tree({}), begun })).has('a');
  };

  it.each([
    ['the file, by its content', file('x'), fileThere('a', 'x')],
    ['the large file, by its time', LARGE, fileThere('a', 'y')],
    ['the file of its time that a power cut has emptied', SMALL, fileThere('a', '')],
    ['the link', link('to'), linkThere('to')],
    ['the folder', directory(), folderThere('a')],
  ])('is ours where it is %s', async (_, sent, found) => {
    listing = [found];
    expect(await isOurs(sent)).toBe(true);
  });

  it.each([
    ['another content', file('x'), fileThere('a', 'y')],
    [
      'another time, where a large file was sent',
      LARGE,
      fileThere('a', 'y', '1700000001 2023-11-14 22:13:21'),
    ],
    ['no content and another time', file('x'), fileThere('a', '')],
    ['another time, where an empty file was sent', file(''), fileThere('a', '')],
    ['another target', link('to'), linkThere('elsewhere')],
    ['another kind', directory(), fileThere('a', '')],
  ])("is the app's own where it has %s", async (_, sent, found) => {
    listing = [found];
    expect(await isOurs(sent)).toBe(false);
  });

  it('is ours with any content, where an older version has noted no more than its kind', async () => {
    listing = [fileThere('a', 'y')];
    const there = await deployedNow({ tree: tree({}), begun: [{ path: 'a', kind: 'file' }] });
    expect(there.has('a')).toBe(true);
  });

  it('is ours whatever is there, where it is remembered', async () => {
    listing = [fileThere('a', 'y')];
    const begun = begunWith({ tree: tree({}) }, [['a', file('x')]]);
    expect((await deployedNow({ tree: tree({ a: file('z') }), begun })).has('a')).toBe(true);
  });
});

describe('what was deleted, and is there after the device has lost its power', () => {
  const LARGE: LocalEntry = {
    ...file('x'),
    kind: 'file',
    mode: 0o644,
    sha256: 'hash of the hashes of its blocks',
    sizeBytes: 5 << 20,
    leftMtimeNs: 1_700_000_000_000_000_000n,
  };
  const SMALL: LocalEntry = {
    ...file('x'),
    stamp: { mtimeMs: 1_700_000_000_900, ctimeMs: -1, inode: -1 },
  };
  const EMPTY: LocalEntry = { ...SMALL, ...file(''), stamp: SMALL.stamp };
  const DELETED_MS = 1_750_000_000_000;
  const OTHER = '1700000001 2023-11-14 22:13:21';
  const YOUNGER = '1800000000 2027-01-15 08:00:00';
  const linkThere = (target: string): string => `${stat(0o120_777, 'a', TIME)}\nl ./a\n${target}\n.`;
  const goneOf = (entries: Readonly<Record<string, LocalEntry>>): Gone[] =>
    Object.entries(entries).flatMap(([path, was]) => goneFrom(path, was, DELETED_MS) ?? []);
  const goneWas = async (was: LocalEntry): Promise<boolean> =>
    (await deployedNow({ tree: tree({}), gone: goneOf({ a: was }) })).has('a');

  it.each([
    ['its content', file('x'), fileThere('a', 'x')],
    ['its time, when it is large', LARGE, fileThere('a', 'x')],
    [
      'its time in whole seconds, where the container tells no more',
      LARGE,
      fileThere('a', 'x', '1700000000 2023-11-14 22:13:20'),
    ],
    ['its time, with nothing in it', SMALL, fileThere('a', '')],
    ['its time, when there never was anything in it', EMPTY, fileThere('a', '')],
    ['its time, with nothing in it, when it was large', LARGE, fileThere('a', '')],
  ])('is a file of ours, known by %s', async (_, was, found) => {
    listing = [found];
    expect(await goneWas(was)).toBe(true);
  });

  it.each([
    ['a file of another content', file('x'), fileThere('a', 'y')],
    ['a file of a younger time, whatever it holds', file('x'), fileThere('a', 'x', YOUNGER)],
    ['a file of a younger time, and nothing in it', file('x'), fileThere('a', '', YOUNGER)],
    ['a file of another time, and nothing in it', SMALL, fileThere('a', '', OTHER)],
    ['a file of another time, when there never was anything in it', EMPTY, fileThere('a', '', OTHER)],
    ['a file of another time, when it was large', LARGE, fileThere('a', 'y', YOUNGER)],
    ['a file with nothing in it, where a folder was', directory(), fileThere('a', '')],
    ['a file with nothing in it, where a link was', link('x'), fileThere('a', '')],
    ['a file of the time that nobody knew', { ...LARGE, leftMtimeNs: undefined }, fileThere('a', 'y')],
    ['a link', link('to'), linkThere('to')],
    ['an empty folder', directory(), folderThere('a')],
  ])("is the app's own when it is %s", async (_, was, found) => {
    listing = [found];
    expect(await goneWas(was)).toBe(false);
  });

  it('is a folder of ours when a file in it is', async () => {
    listing = [folderThere('a'), folderThere('a/b'), fileThere('a/b/x', 'x'), folderThere('a/c')];
    const was = { a: directory(), 'a/b': directory(), 'a/b/x': file('x'), 'a/c': directory() };
    const there = await deployedNow({ tree: tree({}), gone: goneOf(was) });
    expect([...there.keys()]).toEqual(['a', 'a/b', 'a/b/x']);
  });

  it("is the app's own while the engine runs that ran when it was deleted", async () => {
    listing = [fileThere('a', 'x')];
    const gone = goneOf({ a: file('x') });
    const { tree: there } = await readNow({ tree: tree({}), begun: [], gone }, tree({}), {
      engineRun: 'before',
    });
    expect(there.has('a')).toBe(false);
  });
});

describe('a file that was gone, or not at rest, when it was to be sent', () => {
  const HERE = tree({ a: file('newest') });
  /** What is remembered of it afterwards. */
  async function rememberedThen(before: Remembered, left = tree({})): Promise<LocalEntry | undefined> {
    const deployed = await readNow(before, HERE, { left });
    const packed = { ...newPackedFiles(), changing: ['a'] };
    return deployedTree({ local: HERE, plan: {}, deployed, scannedAtMs: 1_800_000_000_000 }, packed).get('a');
  }
  const begun = [{ path: 'a', kind: 'file' }] as const;

  it('is what a sync that was cut off has brought', async () => {
    listing = [fileThere('a', 'x')];
    expect(await rememberedThen({ tree: tree({}), begun })).toEqual({
      ...file('x'),
      sizeBytes: 6,
      leftMtimeNs: 1_700_000_000_500_000_000n,
      stamp: NEVER,
    });
  });

  it('is what such a sync has put in the place of a folder', async () => {
    listing = [fileThere('a', 'x')];
    expect(await rememberedThen({ tree: tree({ a: directory() }), begun })).toMatchObject({ kind: 'file' });
  });

  it('is what the image had of it', async () => {
    listing = [fileThere('a', 'x')];
    expect(await rememberedThen({ tree: tree({}) }, tree({ a: file('x') }))).toMatchObject({ kind: 'file' });
  });

  it('is what was remembered, where that is there', async () => {
    listing = [fileThere('a', 'x')];
    const before = file('x');
    expect(await rememberedThen({ tree: tree({ a: before }) })).toBe(before);
  });

  it("is not the app's of another content", async () => {
    listing = [fileThere('a', 'x')];
    const sent = begunWith({ tree: tree({}) }, [['a', file('y')]]);
    expect(await rememberedThen({ tree: tree({}), begun: sent })).toBeUndefined();
  });

  it("is not the app's", async () => {
    listing = [fileThere('a', 'x')];
    expect(await rememberedThen({ tree: tree({}), begun: [{ path: 'a', kind: 'symlink' }] })).toBeUndefined();
  });

  it('is nothing, where the app has taken it away', async () => {
    listing = [];
    expect(await rememberedThen({ tree: tree({ a: file('x') }) })).toBeUndefined();
  });

  it('is there with any content, where the container cannot be asked', async () => {
    await engine.killContainer('app', 'SIGKILL');
    const then = await rememberedThen({ tree: tree({ a: file('newest') }), begun });
    expect(then?.kind).toBe('file');
    expect(then).not.toMatchObject({ sha256: sha256('newest') });
  });
});
