import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { rulesOfSource } from '../../../src/sync/local-state.js';
import { hashTree, listTree, type ScanOptions } from '../../../src/sync/scan.js';
import { parseDockerIgnore } from '../../../src/build/docker-ignore.js';
import { listContextFiles } from '../../../src/build/context/list-context-files.js';
import { modeAt } from '../../../src/sync/entry-columns.js';
import { FileDeploymentStore } from '../../../src/sync/state/file-deployment-store.js';
import type { LocalTree } from '../../../src/sync/tree.js';
import { canLink } from '../can-link.js';
import { RandomFolder, randomFrom } from '../../e2e/random-folder.js';

const NOTHING: LocalTree = new Map<string, never>();

let home: string;
let source: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'rdt-scan-'));
  source = join(home, 'source');
  mkdirSync(source);
});
afterEach(() => rmSync(home, { recursive: true }));

const options = (): ScanOptions => ({
  source,
  platform: 'linux',
  rules: rulesOfSource({ source, ignore: [], skipGitignore: true, platform: 'linux' }),
  signal: new AbortController().signal,
  warn: () => undefined,
});

/** Times of folders and links say nothing, and are not stored. */
const essence = (tree: LocalTree) =>
  new Map([...tree].map(([path, entry]) => [path, entry.kind === 'file' ? entry : { ...entry, stamp: 0 }]));

/** As one push after the other does it: each has what the one before has stored. */
async function scanned(): Promise<LocalTree> {
  const store = new FileDeploymentStore(home);
  const before = await store.load('c');
  const tree = await hashTree(await listTree(options()), before?.tree ?? NOTHING, options());
  await store.save({
    ...{
      containerId: 'c',
      source,
      destination: '/app',
      token: 't',
      engineRun: 'e',
      hasShell: true,
      owner: undefined,
    },
    tree,
  });
  return tree;
}

it.each([1, 2, 3, 4])(
  'finds what a scan of all finds, whatever was stored before (seed %i)',
  async (seed) => {
    const random = randomFrom(seed);
    const folder = new RandomFolder(source, random);
    for (let push = 0; push < 40; push++) {
      for (let step = random(6); step > 0; step--) folder.step();
      const whole = await hashTree(await listTree(options()), NOTHING, options());
      expect(essence(await scanned())).toEqual(essence(whole));
    }
  },
);

it('finds one of many that came, went and changed among others', async () => {
  const write = (index: number, text: string): void => writeFileSync(join(source, `f${index}`), text);
  for (let index = 0; index < 3_000; index += 2) write(index, 'x');
  await scanned();
  write(1001, 'new');
  write(1400, 'other');
  for (let index = 2_000; index < 2_100; index += 2) rmSync(join(source, `f${index}`));
  const tree = await scanned();
  expect(tree.size).toBe(1_451);
  expect(tree.get('f1400')).toMatchObject({ sizeBytes: 5 });
  expect(essence(tree)).toEqual(essence(await hashTree(await listTree(options()), NOTHING, options())));
});

it.skipIf(!canLink)('gives a link from Windows slashes between the names, as a build does', async () => {
  symlinkSync('..\\lib\\a.conf', join(source, 'link'));
  const platform = 'win32';
  const listed = await hashTree(await listTree({ ...options(), platform }), NOTHING, options());
  const ignore = parseDockerIgnore({ name: '.dockerignore', text: '', always: [] });
  const [built] = await listContextFiles({ source, ignore, platform }, () => undefined);
  expect(listed.get('link')).toMatchObject({ kind: 'symlink', target: '../lib/a.conf' });
  expect(built).toMatchObject({ type: 'symlink', target: Buffer.from('../lib/a.conf') });
});

it('gives what comes from Windows the modes that a build gives it', async () => {
  mkdirSync(join(source, 'bin'), { mode: 0o700 });
  writeFileSync(join(source, 'bin/run.sh'), '', { mode: 0o600 });
  const platform = 'win32';
  const listed = await listTree({ ...options(), platform });
  const ignore = parseDockerIgnore({ name: '.dockerignore', text: '', always: [] });
  const built = await listContextFiles({ source, ignore, platform }, () => undefined);
  const modes = listed.paths.map((path, at) => [path, modeAt(listed.numbers, at)]);
  expect(modes).toEqual(built.map(({ path, mode }) => [path, mode]));
});

it('lists a name with a replacement character in it, which is a name like any other', async () => {
  mkdirSync(join(source, 'lib\uFFFD'));
  writeFileSync(join(source, 'lib\uFFFD/what\uFFFD'), 'x');
  const warnings: string[] = [];
  const listed = await listTree({ ...options(), warn: (message) => warnings.push(message) });
  expect(listed.paths).toEqual(['lib\uFFFD', 'lib\uFFFD/what\uFFFD']);
  expect(warnings).toEqual([]);
});

it.skipIf(process.platform === 'win32')('says in one line what is no file, in whatever folder', async () => {
  mkdirSync(join(source, 'sub'));
  for (const name of ['a', 'b', 'sub/c']) execFileSync('mkfifo', [join(source, name)]);
  const warnings: string[] = [];
  await listTree({ ...options(), warn: (message) => warnings.push(message) });
  expect(warnings).toEqual(['a, b, sub/c are neither files, folders nor links; they are not synced']);
});

// Elsewhere no such name can be given.
it.skipIf(process.platform !== 'linux')(
  'leaves out names that are not UTF-8, and says so of each',
  async () => {
    const twins = [0xfe, 0xff].map((byte) => Buffer.concat([Buffer.from(`${source}/b`), Buffer.of(byte)]));
    for (const name of [...twins, join(source, 'b\uFFFD'), join(source, 'a'), join(source, 'c')])
      writeFileSync(name, 'x');
    const warnings: string[] = [];
    const listed = await listTree({ ...options(), warn: (message) => warnings.push(message) });
    expect(listed.paths).toEqual(['a', 'b\uFFFD', 'c']);
    const warning = 'b\uFFFD has a name that is not valid UTF-8; it is not synced';
    expect(warnings).toEqual([warning, warning]);
  },
);

it.skipIf(process.platform !== 'linux')(
  'leaves out links to what is not UTF-8, which it could only alter, and says so',
  async () => {
    symlinkSync(Buffer.from([0x61, 0xff]), join(source, 'odd'));
    symlinkSync('a\uFFFD', join(source, 'plain'));
    const warnings: string[] = [];
    const listed = await listTree({ ...options(), warn: (message) => warnings.push(message) });
    expect(listed.paths).toEqual(['plain']);
    expect(warnings).toEqual(['odd is a link to a name that is not valid UTF-8; it is not synced']);
  },
);
