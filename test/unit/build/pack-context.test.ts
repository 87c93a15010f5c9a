import { execFileSync } from 'node:child_process';
import { appendFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { BuildEvent } from '../../../src/build/build-event.js';
import type { ContextEntry } from '../../../src/build/context/context-entry.js';
import { listContextFiles } from '../../../src/build/context/list-context-files.js';
import { packContext, packedBytes } from '../../../src/build/context/pack-context.js';
import { parseDockerIgnore } from '../../../src/build/docker-ignore.js';
import { readTar } from '../../contract/fake-image-builder.js';
import { temporaryFolder } from './temporary-folder.js';

const LARGE = 3 * 1024 * 1024;
const onWindows = process.platform === 'win32';

function entriesOf(source: string): Promise<ContextEntry[]> {
  const ignore = parseDockerIgnore({ name: '.dockerignore', text: '', always: [] });
  return listContextFiles({ source, ignore, platform: process.platform }, () => undefined);
}

const packed = (
  source: string,
  entries: ContextEntry[],
  emit: (event: BuildEvent) => void = () => undefined,
) => Readable.from(packContext(source, entries, emit), { objectMode: true });

describe('a packed build context', () => {
  it('holds every byte of small and large files', async () => {
    const files = {
      'a/small': 'x'.repeat(513),
      'a/none': '',
      large: 'y'.repeat(LARGE + 7),
      whole: 'z'.repeat(512),
    };
    const source = temporaryFolder(files);
    const read = await readTar(packed(source, await entriesOf(source)));
    expect(Object.fromEntries(read)).toEqual({ ...files, 'a/': '' });
  });

  it('says how much of how much was sent, up to all of it', async () => {
    const source = temporaryFolder({ large: 'y'.repeat(LARGE), small: 'x' });
    const entries = await entriesOf(source);
    const sent: number[] = [];
    const tar = await packed(source, entries, (event) => {
      if (event.type !== 'context-sent') return;
      expect(event.totalBytes).toBe(packedBytes(entries));
      sent.push(event.sentBytes);
    }).toArray();
    expect(sent[0]).toBe(0);
    expect(sent).toEqual(sent.toSorted((a, b) => a - b));
    expect(sent.at(-1)).toBe(Buffer.concat(tar as Buffer[]).length);
    expect(sent.at(-1)).toBe(packedBytes(entries));
  });

  it('is read no further than its reader takes it', async () => {
    const source = temporaryFolder({ large: 'y'.repeat(LARGE) });
    const pieces = packContext(source, await entriesOf(source), () => undefined);
    const first = (await pieces.next()) as IteratorYieldResult<Buffer>;
    expect(first.value.length).toBeLessThan(1024 * 1024);
    await pieces.return(undefined);
  });

  it('leaves out a file that has gone since it was listed', async () => {
    const source = temporaryFolder({ a: '1', b: '2', large: 'y'.repeat(LARGE) });
    const entries = await entriesOf(source);
    rmSync(path.join(source, 'a'));
    rmSync(path.join(source, 'large'));
    expect(Object.fromEntries(await readTar(packed(source, entries)))).toEqual({ b: '2' });
  });

  it('takes a small file as it is when its turn comes', async () => {
    const source = temporaryFolder({ log: 'one\n' });
    const entries = await entriesOf(source);
    appendFileSync(path.join(source, 'log'), 'two\n');
    expect((await readTar(packed(source, entries))).get('log')).toBe('one\ntwo\n');
  });

  it.each([
    ['shrinks', (file: string) => truncateSync(file, 1024 * 1024)],
    ['grows', (file: string) => appendFileSync(file, 'more')],
    ['is written to', (file: string) => writeFileSync(file, 'z'.repeat(LARGE))],
  ])('ends with an error that names a large file which %s while it is read', async (_what, change) => {
    const source = temporaryFolder({ 'big/file': 'y'.repeat(LARGE) });
    const pieces = packContext(source, await entriesOf(source), () => undefined);
    await pieces.next();
    change(path.join(source, 'big/file'));
    const rest = async () => {
      while (!(await pieces.next()).done);
    };
    await expect(rest()).rejects.toThrow('big/file changed while it was read');
  });

  it.skipIf(onWindows).each([
    ['a link', (file: string) => symlinkSync('/etc/passwd', file)],
    ['a pipe', (file: string) => execFileSync('mkfifo', [file])],
  ])('ends with an error when a file has become %s', async (_what, make) => {
    const source = temporaryFolder({ file: 'x' });
    const entries = await entriesOf(source);
    rmSync(path.join(source, 'file'));
    make(path.join(source, 'file'));
    await expect(packed(source, entries).toArray()).rejects.toThrow('file changed while it was read');
  });
});
