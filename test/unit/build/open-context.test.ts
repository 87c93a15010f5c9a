import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { listContext, openContext } from '../../../src/build/context/open-context.js';
import { systemClock as clock } from '../../../src/system-clock.js';
import { readTar } from '../../contract/fake-image-builder.js';
import { temporaryFolder } from './temporary-folder.js';

const DOCKERFILE = 'FROM busybox\n';
const { signal } = new AbortController();

const opened = (source: string) => openContext({ source, platform: process.platform }, () => undefined);

/** As it arrives, by both ways. */
async function sent(source: string): Promise<{ tar: string | undefined; offered: string; kind: string }> {
  const context = await opened(source);
  const tar = await readTar(context.open({ compress: false, clock }, () => undefined));
  const files = await context.files('key', { compress: false, clock })?.offer(signal);
  const entry = files?.entries.find(({ path: at }) => at === 'Dockerfile');
  const pieces: Buffer[] = [];
  if (entry?.type === 'file') for await (const piece of files?.read(entry) ?? []) pieces.push(piece);
  return {
    tar: tar.get('Dockerfile'),
    offered: Buffer.concat(pieces).toString(),
    kind: entry?.type ?? 'none',
  };
}

describe.skipIf(process.platform === 'win32')('a Dockerfile that is a link', () => {
  it.each([
    ['out of the folder', '../docker/app', ''],
    ['to what is not sent', 'docker/app', 'docker'],
    ['through a link to what is not sent', 'through/app', 'docker'],
    ['through a link that is not sent', 'through/app', 'through'],
  ])('%s is sent as the file that it leads to', async (_where, target, ignored) => {
    const top = temporaryFolder({ 'docker/app': DOCKERFILE, 'app/docker/app': DOCKERFILE, 'app/a': 'a' });
    const source = path.join(top, 'app');
    symlinkSync('docker', path.join(source, 'through'));
    symlinkSync(target, path.join(source, 'Dockerfile'));
    writeFileSync(path.join(source, '.dockerignore'), ignored);
    expect(await sent(source)).toEqual({ tar: DOCKERFILE, offered: DOCKERFILE, kind: 'file' });
    const { entries } = await opened(source);
    expect(await listContext({ source, platform: process.platform }, () => false, signal)).toEqual(entries);
  });

  it.each(['docker/app', 'through/app', 'docker/again'])(
    'to a file that is sent stays a link (%s)',
    async (target) => {
      const source = temporaryFolder({ 'docker/app': DOCKERFILE });
      symlinkSync('docker', path.join(source, 'through'));
      symlinkSync('../through/app', path.join(source, 'docker/again'));
      symlinkSync(target, path.join(source, 'Dockerfile'));
      expect((await sent(source)).kind).toBe('symlink');
    },
  );

  it('to itself is refused', async () => {
    const source = temporaryFolder({});
    symlinkSync('Dockerfile', path.join(source, 'Dockerfile'));
    await expect(opened(source)).rejects.toThrow('Dockerfile');
  });

  it.each(['Dockerfile', '.dockerignore'])(
    'or a .dockerignore to nowhere is refused by name (%s)',
    async (name) => {
      const source = temporaryFolder(name === 'Dockerfile' ? {} : { Dockerfile: DOCKERFILE });
      symlinkSync('../nowhere', path.join(source, name));
      await expect(opened(source)).rejects.toThrow(`${name} is a link to ../nowhere, and no file is there.`);
    },
  );
});

it.skipIf(process.platform === 'win32')('rules behind a link count, and are sent as a file', async () => {
  const top = temporaryFolder({ rules: 'secret', 'app/secret': '', 'app/Dockerfile': DOCKERFILE });
  const source = path.join(top, 'app');
  mkdirSync(path.join(source, 'lib'));
  symlinkSync('../rules', path.join(source, '.dockerignore'));
  symlinkSync('../../rules', path.join(source, 'lib/link'));
  const { entries } = await opened(source);
  expect(entries.map(({ path: at, type }) => `${at} ${type}`)).toEqual([
    '.dockerignore file',
    'Dockerfile file',
    'lib folder',
    'lib/link symlink',
  ]);
});
