import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CommitArchive, newPackedFiles, packCommit } from '../../../src/sync/commit-archive.js';
import { directory, file, link, tree } from './trees.js';

interface Seen {
  readonly name: string;
  readonly type: string;
  readonly target: string | undefined;
  readonly uid: number;
  readonly content: string;
}

async function unpack(
  archive: CommitArchive,
): Promise<{ entries: Seen[]; packed: ReturnType<typeof newPackedFiles> }> {
  const packed = newPackedFiles();
  const entries: Seen[] = [];
  const tar = extract();
  packCommit(archive, packed).pipe(tar);
  for await (const entry of tar) {
    const { name, type, linkname, uid } = entry.header;
    const content = await text(entry);
    entries.push({ name, type, target: linkname, uid, content });
  }
  return { entries, packed };
}

describe('a commit archive', () => {
  let source: string;
  let archive: CommitArchive;

  beforeEach(() => {
    source = mkdtempSync(join(tmpdir(), 'rdt-archive-'));
    mkdirSync(join(source, 'lib'));
    writeFileSync(join(source, 'lib', 'a.js'), 'one');
    symlinkSync('lib/a.js', join(source, 'l'));
    archive = {
      source,
      below: '',
      prefix: '',
      uploads: ['lib/a.js', 'l'],
      local: tree({ lib: directory(), 'lib/a.js': file('one', 0o755), l: link('lib/a.js') }),
      owner: { uid: 1000, gid: 1001 },
      unstaged: new Set(),
      onContent: () => undefined,
      finish: { by: 'engine', token: 'v1.abc', seen: new Set() },
    };
  });
  // Windows removes no folder in which a file is open, and one may just be being closed.
  afterEach(() => rm(source, { recursive: true, force: true, maxRetries: 10 }));

  it('stages the content, links it into place after all content, and sets the state last', async () => {
    const { entries } = await unpack(archive);
    expect(
      entries.map(({ name, type, target }) => [name.replace(/\/$/, ''), type, target ?? ''].join(' ').trim()),
    ).toEqual([
      '.rdt-state symlink dirty',
      '.rdt-stage file',
      '.rdt-stage directory',
      'lib directory',
      '.rdt-stage/0 file',
      'l symlink lib/a.js',
      'lib/a.js link .rdt-stage/0',
      '.rdt-stage file',
      '.rdt-state symlink v1.abc',
    ]);
    expect(entries[4]?.content).toBe('one');
  });

  it('gives every entry the owner that the container writes as', async () => {
    const { entries } = await unpack(archive);
    expect(new Set(entries.map(({ uid }) => uid))).toEqual(new Set([1000]));
  });

  it('sends the bytes that are there now, and remembers those, not the ones that were scanned', async () => {
    writeFileSync(join(source, 'lib', 'a.js'), 'two, longer');
    const { entries, packed } = await unpack(archive);
    expect(entries.find(({ name }) => name === '.rdt-stage/0')?.content).toBe('two, longer');
    expect(packed.sent.get('lib/a.js')).toMatchObject({
      sizeBytes: 11,
      sha256: (file('two, longer') as { sha256: string }).sha256,
    });
  });

  it('leaves out a file that has vanished, and says so', async () => {
    rmSync(join(source, 'lib', 'a.js'));
    const { entries, packed } = await unpack(archive);
    expect(packed.changing).toEqual(['lib/a.js']);
    expect(entries.some(({ name }) => name === 'lib/a.js')).toBe(false);
  });

  it('leaves out a file that was emptied after it was listed: its writer has opened it, and not written yet', async () => {
    writeFileSync(join(source, 'lib', 'a.js'), '');
    const { entries, packed } = await unpack(archive);
    expect(packed.changing).toEqual(['lib/a.js']);
    expect(entries.some(({ name }) => name === 'lib/a.js')).toBe(false);
  });

  it('does not link a large file that changed while it was read', async () => {
    const content = 'x'.repeat(5 << 20);
    writeFileSync(join(source, 'big'), content);
    const local = tree({ big: file('y'.repeat(5 << 20)) });
    const { entries, packed } = await unpack({ ...archive, uploads: ['big'], local });
    expect(packed.changing).toEqual(['big']);
    expect(entries.some(({ name }) => name === 'big')).toBe(false);
  });

  it('keeps a tar whole when a large file shrinks under its hands', async () => {
    writeFileSync(join(source, 'big'), 'short');
    const local = tree({ big: file('y'.repeat(5 << 20)) });
    const { entries, packed } = await unpack({
      ...archive,
      uploads: ['big', 'l'],
      local: new Map([...archive.local, ...local]),
    });
    expect(packed.changing).toEqual(['big']);
    expect(entries.at(-1)?.target).toBe('v1.abc');
  });

  it('ends in peace when nobody takes the rest of a large file', async () => {
    const content = 'x'.repeat(9 << 20);
    writeFileSync(join(source, 'big'), content);
    const packing = packCommit(
      { ...archive, uploads: ['big'], local: tree({ big: file(content) }) },
      newPackedFiles(),
    );
    packing.read();
    await once(packing, 'readable');
    packing.destroy(new Error('cut'));
    await expect(once(packing, 'close')).rejects.toThrow('cut');
  });

  it('carries lists of deletions for a script, each path behind ./ and ended by NUL', async () => {
    const deletions = [
      { path: 'old/-x\ny', kind: 'file' },
      { path: 'old', kind: 'directory' },
    ] as const;
    const { entries } = await unpack({
      ...archive,
      uploads: [],
      finish: {
        by: 'script',
        id: 'a1',
        marksState: true,
        deletions,
        makingWay: [],
        onRoot: [],
        replaces: false,
        patches: new Map(),
      },
    });
    expect(entries.find(({ name }) => name === '.rdt-stage/a1/remove')?.content).toBe('./old/-x\ny\0');
    expect(entries.find(({ name }) => name === '.rdt-stage/a1/rmdir')?.content).toBe('./old\0');
  });
});
