import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CommitArchive, newPackedFiles, packCommit } from '../../../src/sync/commit-archive.js';
import { LIST_SCRIPT, SETTLE } from '../../../src/sync/container-script.js';
import {
  FOLDER_STATUS,
  IN_PLACE_STATUS,
  NO_GZIP_STATUS,
  STAGE_SCRIPT,
  STALE_STATUS,
} from '../../../src/sync/stage-script.js';
import type { Deletion } from '../../../src/sync/sync-plan.js';
import { type LocalEntry, parentsOf } from '../../../src/sync/tree.js';
import { directory, file, tree } from './trees.js';

const TOKEN = 'v1.new';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdt-stage-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What the script says when it has carried this out in the folder, by the shell of this machine. */
async function staging(
  what: Pick<CommitArchive, 'source' | 'uploads' | 'local'>,
  deletions: readonly Deletion[],
  expected = '',
): Promise<string> {
  const id = 'abcd';
  const tar = packCommit(
    {
      ...what,
      below: '',
      prefix: '',
      owner: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
      unstaged: new Set(),
      onContent: () => undefined,
      finish: {
        by: 'script',
        id,
        marksState: true,
        deletions,
        makingWay: [],
        onRoot: [],
        replaces: false,
        patches: new Map(),
      },
    },
    newPackedFiles(),
  );
  return run(STAGE_SCRIPT, [TOKEN, 'lenient', expected, id], await buffer(tar));
}

const deleting = (deletions: readonly Deletion[], expected?: string): Promise<string> =>
  staging({ source: folder, uploads: [], local: new Map() }, deletions, expected);

const run = (script: string, args: readonly string[], input: Buffer | string): string =>
  spawnSync('sh', ['-c', script, 'sh', folder, ...args], { input, encoding: 'utf8', timeout: 10_000 }).stdout;

/** A stage of somebody who has gone: it has put all in its place when it lets go of its folder. */
async function straggler(place = folder): Promise<void> {
  const script = `${SETTLE}
    mkdir -p "$1"
    cd "$1"
    mkdir -p .rdt-stage/old
    owner $$ >.rdt-stage/old/owner
    echo begun
    sleep 1
    : >late
    rm -r .rdt-stage
  `;
  const child = spawn('sh', ['-c', script, 'sh', place], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
}

/** Its tools are those of a container: macOS has others. */
describe.runIf(process.platform === 'linux')('a file that is to be deleted', () => {
  it('is deleted, and may have gone already', async () => {
    writeFileSync(join(folder, 'a'), 'a');
    const gone = [
      { path: 'a', kind: 'file' },
      { path: 'gone', kind: 'file' },
    ] as const;
    expect(await deleting(gone)).toBe('rdt:0\n');
    expect(existsSync(join(folder, 'a'))).toBe(false);
  });

  it('and was replaced by a folder in the container leaves that one alone, and holds up nothing', async () => {
    mkdirSync(join(folder, 'cache'));
    writeFileSync(join(folder, 'cache', 'of-the-app'), 'x');
    writeFileSync(join(folder, 'z'), 'z');
    const gone = [
      { path: 'cache', kind: 'file' },
      { path: 'z', kind: 'file' },
    ] as const;
    expect(await deleting(gone)).toBe('rdt:0\n');
    expect(readlinkSync(join(folder, '.rdt-state'))).toBe(TOKEN);
    expect(existsSync(join(folder, 'cache', 'of-the-app'))).toBe(true);
    expect(existsSync(join(folder, 'z'))).toBe(false);
  });
});

describe.runIf(process.platform === 'linux').each(['plain', 'two\nlines', 'ends\n', 'a/\n\nb'])(
  'a folder of ours named %j',
  (name) => {
    let source: string;
    let elsewhere: string;
    const edited = `${name}/edited`;
    const there = (path: string): string => join(folder, path);

    beforeEach(() => {
      source = mkdtempSync(join(tmpdir(), 'rdt-source-'));
      elsewhere = mkdtempSync(join(tmpdir(), 'rdt-elsewhere-'));
      mkdirSync(join(source, name), { recursive: true });
      writeFileSync(join(source, edited), 'new');
      writeFileSync(join(elsewhere, 'edited'), 'of the app');
      mkdirSync(dirname(there(name)), { recursive: true });
    });
    afterEach(() => {
      for (const path of [source, elsewhere]) rmSync(path, { recursive: true, force: true });
    });

    const sending = (...uploads: string[]): Promise<string> => {
      const folders = [...parentsOf(edited)].map((path) => [path, directory()]);
      const local = tree(
        Object.fromEntries([...folders, [edited, file('new')]]) as Record<string, LocalEntry>,
      );
      return staging({ source, uploads, local }, []);
    };

    it('is sent nothing when the app has taken it away', async () => {
      expect(await sending(edited)).toBe(`rdt:${STALE_STATUS}\n`);
      expect(existsSync(there(name))).toBe(false);
    });

    it.each([
      ['a file', [edited]],
      ['itself', [name, edited]],
    ])('is not sent %s through a link that the app has put in its place', async (_, uploads) => {
      symlinkSync(elsewhere, there(name));
      expect(await sending(...uploads)).toBe(`rdt:${STALE_STATUS}\n`);
      expect(readFileSync(join(elsewhere, 'edited'), 'utf8')).toBe('of the app');
    });

    it('is sent a file when it is there', async () => {
      mkdirSync(there(name));
      expect(await sending(edited)).toBe('rdt:0\n');
      expect(readFileSync(there(edited), 'utf8')).toBe('new');
    });
  },
);

describe.runIf(process.platform === 'linux')(
  'a stage that is still at work, although its laptop has gone',
  () => {
    it.each(['.', './volume'])('in %s is waited for by whoever asks what the folder holds', async (part) => {
      const place = join(folder, part);
      await straggler(place);
      expect(run(LIST_SCRIPT, [place], `${part}/late\0`)).toMatch(/^s .*\/late$/m);
    });

    it('is waited for by the next one, which sends back whoever has planned meanwhile', async () => {
      await straggler();
      expect(await deleting([{ path: 'late', kind: 'file' }])).toBe(`rdt:${STALE_STATUS}\n`);
      expect(existsSync(join(folder, 'late'))).toBe(true);
      expect(await deleting([{ path: 'late', kind: 'file' }])).toBe('rdt:0\n');
    });

    it('is none when another process has its number by now', async () => {
      mkdirSync(join(folder, '.rdt-stage', 'old'), { recursive: true });
      writeFileSync(join(folder, '.rdt-stage', 'old', 'owner'), `${process.pid} 1\n`);
      expect(await deleting([])).toBe('rdt:0\n');
      expect(existsSync(join(folder, '.rdt-stage'))).toBe(false);
    });
  },
);

describe.runIf(process.platform === 'linux')('a stage that begins late', () => {
  const late = (expected: string): Promise<string> => deleting([{ path: 'a', kind: 'file' }], expected);
  const state = (target: string): void => symlinkSync(target, join(folder, '.rdt-state'));

  beforeEach(() => writeFileSync(join(folder, 'a'), 'a'));

  it.each(['none', 'v1.old'])(
    'changes nothing where another one has come between since %s',
    async (before) => {
      state('v1.other');
      expect(await late(before)).toBe(`rdt:${STALE_STATUS}\n`);
      expect(existsSync(join(folder, 'a'))).toBe(true);
    },
  );

  it('is carried out where none has, or it is tried once more', async () => {
    expect(await late('none')).toBe('rdt:0\n');
    writeFileSync(join(folder, 'a'), 'a');
    expect(await late('none')).toBe('rdt:0\n');
    expect(existsSync(join(folder, 'a'))).toBe(false);
  });

  it('changes nothing where another one has begun in the same moment', async () => {
    const both = join(folder, 'both');
    mkdirSync(both);
    // Its archive arrives when the other one's has: as if neither had seen the folder of the other.
    writeFileSync(join(both, 'tar'), '#!/bin/sh\nmkdir -p .rdt-stage/other\nexec /usr/bin/tar "$@"\n', {
      mode: 0o755,
    });
    vi.stubEnv('PATH', `${both}:${process.env['PATH'] ?? ''}`);
    expect(await late('')).toBe(`rdt:${STALE_STATUS}\n`);
    vi.unstubAllEnvs();
    expect(existsSync(join(folder, 'a'))).toBe(true);
  });
});

it.runIf(process.platform === 'linux')(
  'what the app has put in the place of our notes holds up nobody',
  async () => {
    mkdirSync(join(folder, '.rdt-stage', 'old'), { recursive: true });
    spawnSync('mkfifo', [join(folder, '.rdt-stage', 'old', 'owner')]);
    writeFileSync(join(folder, 'file'), 'x');
    expect(run(LIST_SCRIPT, [], './file\0')).toMatch(/^s .* \.\/file$/m);
    expect(await deleting([{ path: 'file', kind: 'file' }])).toBe('rdt:0\n');
  },
);

it.runIf(process.platform === 'linux')(
  'nothing is put in place from an archive whose beginning was taken away while it came',
  () => {
    const stage = join(folder, '.rdt-stage', 'abcd');
    mkdirSync(stage, { recursive: true });
    writeFileSync(join(stage, 'moves'), '0 ./file\n');
    writeFileSync(join(stage, '0'), 'x');
    const tar = spawnSync('tar', ['-cf', '-', '-C', folder, '.rdt-stage']).stdout;
    rmSync(join(folder, '.rdt-stage'), { recursive: true });
    expect(run(STAGE_SCRIPT, [TOKEN, 'lenient', '', 'abcd'], tar)).toBe('rdt:1\n');
    expect(existsSync(join(folder, 'file'))).toBe(false);
  },
);

it.runIf(process.platform === 'linux').each([
  ['is carried out', process.env['PATH'], 'rdt:0\n', 'new'],
  ['changes nothing where there is no gzip', '/nowhere', `rdt:${NO_GZIP_STATUS}\n`, 'old'],
  ['changes nothing where gzip cannot unpack', 'broken', `rdt:${NO_GZIP_STATUS}\n`, 'old'],
])('a stage whose archive is compressed %s', (_name, path, said, content) => {
  const stage = join(folder, '.rdt-stage', 'abcd');
  mkdirSync(stage, { recursive: true });
  for (const list of ['remove', 'moves'])
    writeFileSync(join(stage, list), list === 'moves' ? '0 ./file\n' : '');
  writeFileSync(join(stage, '0'), 'new');
  const tar = spawnSync('tar', ['-cf', '-', '-C', folder, '.rdt-stage']).stdout;
  rmSync(join(folder, '.rdt-stage'), { recursive: true });
  writeFileSync(join(folder, 'file'), 'old');
  const args = ['-c', STAGE_SCRIPT, 'sh', folder, TOKEN, 'lenient', '', 'abcd', 'gzip'];
  mkdirSync(join(folder, 'broken'));
  writeFileSync(join(folder, 'broken', 'gzip'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  const env = { ...process.env, PATH: path === 'broken' ? join(folder, path) : path };
  expect(spawnSync('/bin/sh', args, { input: gzipSync(tar), encoding: 'utf8', env }).stdout).toBe(said);
  expect(readFileSync(join(folder, 'file'), 'utf8')).toBe(content);
});

it.runIf(process.platform === 'linux').each([
  ['alone', 'moves', '0 ./file\n'],
  ['with others of its folder', 'groups', 'to0 .\n'],
])('a file that is not let go from its place is named by itself, when it is moved %s', (_how, list, line) => {
  const stage = join(folder, '.rdt-stage', 'abcd');
  mkdirSync(join(stage, 'to0'), { recursive: true });
  for (const empty of ['remove', 'moves']) writeFileSync(join(stage, empty), '');
  writeFileSync(join(stage, list), line);
  for (const staged of ['0', 'to0/file']) writeFileSync(join(stage, staged), 'new');
  const tar = spawnSync('tar', ['-cf', '-', '-C', folder, '.rdt-stage']).stdout;
  rmSync(join(folder, '.rdt-stage'), { recursive: true });
  mkdirSync(join(folder, 'bin'));
  const mv = `#!/bin/sh\necho "mv: can't rename '$3': Operation not permitted" >&2\nexit 1\n`;
  writeFileSync(join(folder, 'bin', 'mv'), mv, { mode: 0o755 });
  const args = ['-c', STAGE_SCRIPT, 'sh', folder, TOKEN, 'lenient', '', 'abcd'];
  const env = { ...process.env, PATH: [join(folder, 'bin'), process.env['PATH']].join(':') };
  const { stdout, stderr } = spawnSync('/bin/sh', args, { input: tar, encoding: 'utf8', env });
  expect(stdout).toBe(`rdt:${IN_PLACE_STATUS}\n`);
  expect(stderr).toBe('./file cannot be replaced: Operation not permitted\n');
});

it.runIf(process.platform === 'linux')(
  'a folder that came to the place of a file since that was looked at gets nothing moved into it',
  () => {
    const stage = join(folder, '.rdt-stage', 'abcd');
    mkdirSync(join(stage, 'to0'), { recursive: true });
    for (const empty of ['remove', 'moves']) writeFileSync(join(stage, empty), '');
    writeFileSync(join(stage, 'groups'), 'to0 .\n');
    writeFileSync(join(stage, 'to0', 'file'), 'new');
    const tar = spawnSync('tar', ['-cf', '-', '-C', folder, '.rdt-stage']).stdout;
    rmSync(join(folder, '.rdt-stage'), { recursive: true });
    mkdirSync(join(folder, 'file'));
    expect(run(STAGE_SCRIPT, [TOKEN, 'lenient', '', 'abcd'], tar)).toBe(`rdt:${FOLDER_STATUS}\n`);
    expect(readdirSync(join(folder, 'file'))).toEqual([]);
  },
);
