import { symlinkSync, utimesSync, writeFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ContextEntry } from '../../../src/build/context/context-entry.js';
import {
  ContextChanged,
  type ContextFiles,
  type ContextSource,
  type OfferedFile,
} from '../../../src/build/context/context-files.js';
import { listContextFiles } from '../../../src/build/context/list-context-files.js';
import { contextSource } from '../../../src/build/context/offer-context.js';
import { parseDockerIgnore } from '../../../src/build/docker-ignore.js';
import { temporaryFolder } from './temporary-folder.js';

async function listed(source: string) {
  const ignore = parseDockerIgnore({ name: 'x', text: '', always: [] });
  return listContextFiles({ source, ignore, platform: process.platform }, () => undefined);
}

const UNDER = { key: 'key', level: undefined };

const sourceOf = (source: string, entries: readonly ContextEntry[]): ContextSource => {
  const found = contextSource(source, entries, UNDER);
  if (found === undefined) throw new Error('the context was not offered');
  return found;
};

const NEVER = new AbortController().signal;

const offer = async (source: string): Promise<ContextFiles> =>
  sourceOf(source, await listed(source)).offer(NEVER);

const fileOf = ({ entries }: ContextFiles, name: string): OfferedFile => {
  const entry = entries.find(({ path: at }) => at === name);
  if (entry?.type !== 'file') throw new Error(`no file ${name}`);
  return entry;
};

async function content(files: ContextFiles, name: string): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of files.read(fileOf(files, name))) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

const stamp = async (source: string, name: string): Promise<bigint> =>
  fileOf(await offer(source), name).mtimeNs;

/** Above the size to which files are read at once. */
const LARGE = 'x'.repeat(600_000);

describe('the context as it is offered to a builder', () => {
  it('has the seconds of each file’s time', async () => {
    const source = temporaryFolder({ a: 'x' });
    utimesSync(path.join(source, 'a'), 1_500_000_000, 1_500_000_000);
    expect((await stamp(source, 'a')) / 1_000_000_000n).toBe(1_500_000_000n);
  });

  it.each([
    ['small', 'before', 'behind'],
    ['large', LARGE, LARGE.replace('x', 'y')],
  ])(
    'has another time for a %s file that was edited and kept size and time',
    async (_size, first, second) => {
      const source = temporaryFolder({ a: first });
      const at = path.join(source, 'a');
      utimesSync(at, 1, 1);
      const before = await stamp(source, 'a');
      expect(await stamp(source, 'a')).toBe(before);
      writeFileSync(at, second);
      utimesSync(at, 1, 1);
      const after = await stamp(source, 'a');
      expect(after).not.toBe(before);
      expect(after / 1_000_000_000n).toBe(1n);
    },
  );

  it('gives the content that it was offered with', async () => {
    const files = await offer(temporaryFolder({ small: 'abc', large: LARGE, empty: '' }));
    expect(await content(files, 'small')).toBe('abc');
    expect(await content(files, 'large')).toBe(LARGE);
    expect(await content(files, 'empty')).toBe('');
  });

  it.each([
    ['changed', (at: string) => writeFileSync(at, 'abd')],
    ['gone', (at: string) => rmSync(at)],
  ])('says so when a file has %s since', async (_what, change) => {
    const source = temporaryFolder({ a: 'abc' });
    const files = await offer(source);
    change(path.join(source, 'a'));
    await expect(content(files, 'a')).rejects.toThrow(ContextChanged);
  });

  it('leaves out what has gone since it was listed', async () => {
    const source = temporaryFolder({ a: '', b: '' });
    const entries = await listed(source);
    rmSync(path.join(source, 'a'));
    expect((await sourceOf(source, entries).offer(NEVER)).entries.map(({ path: at }) => at)).toEqual(['b']);
  });

  it.skipIf(process.platform !== 'linux')('is not offered when a name or a link is not UTF-8', async () => {
    const raw = Buffer.from([0xff]);
    const named = temporaryFolder({});
    writeFileSync(Buffer.concat([Buffer.from(`${named}/`), raw]), '');
    expect(contextSource(named, await listed(named), UNDER)).toBeUndefined();
    const linked = temporaryFolder({});
    symlinkSync(raw, path.join(linked, 'link'));
    expect(contextSource(linked, await listed(linked), UNDER)).toBeUndefined();
  });

  it('is not read further when the signal is aborted', async () => {
    const source = temporaryFolder({ a: '' });
    const reason = new Error('enough');
    const aborted = AbortSignal.abort(reason);
    await expect(sourceOf(source, await listed(source)).offer(aborted)).rejects.toBe(reason);
  });
});
