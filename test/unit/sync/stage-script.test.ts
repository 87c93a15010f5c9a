import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newPackedFiles, packCommit } from '../../../src/sync/commit-archive.js';
import { STAGE_SCRIPT } from '../../../src/sync/stage-script.js';
import type { Deletion } from '../../../src/sync/sync-plan.js';

const TOKEN = 'v1.new';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdt-stage-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What the script says when it has deleted these in the folder, by the shell of this machine. */
async function deleting(deletions: readonly Deletion[]): Promise<string> {
  const id = 'abcd';
  const tar = packCommit(
    {
      source: folder,
      below: '',
      prefix: '',
      uploads: [],
      local: new Map(),
      owner: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
      unstaged: new Set(),
      onContent: () => undefined,
      finish: { by: 'script', id, marksState: true, deletions, patches: new Map() },
    },
    newPackedFiles(),
  );
  const argv = ['-c', STAGE_SCRIPT, 'sh', folder, TOKEN, 'lenient', '', id];
  return spawnSync('sh', argv, { input: await buffer(tar), encoding: 'utf8' }).stdout;
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
