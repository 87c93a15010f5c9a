import { mkdirSync, rmdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TriggerLook } from '../../../src/watch/trigger-look.js';
import { temporaryFolder } from '../build/temporary-folder.js';

const never = new AbortController().signal;

async function lookAt(files: Readonly<Record<string, string>>, listed: readonly string[] = []) {
  const folder = temporaryFolder(files);
  const triggers = new TriggerLook(folder, listed, () => Date.now());
  await triggers.look(never);
  return { folder, triggers };
}

it.each(['Dockerfile', 'package.json', '.dockerignore', 'lib/listed.txt'])(
  'sees that %s changed',
  async (path) => {
    const { folder, triggers } = await lookAt({ [path]: '1' }, ['lib/listed.txt']);
    writeFileSync(join(folder, path), '2');
    expect((await triggers.look(never)).reasons).toEqual([`${path} changed`]);
    expect((await triggers.look(never)).reasons).toEqual([]);
  },
);

it('sees triggers come and go', async () => {
  const { folder, triggers } = await lookAt({ Dockerfile: '1' });
  writeFileSync(join(folder, 'package.json'), '{}');
  rmSync(join(folder, 'Dockerfile'));
  expect((await triggers.look(never)).reasons).toEqual(['package.json is new', 'Dockerfile is gone']);
});

it('takes a new time stamp for no change', async () => {
  const { folder, triggers } = await lookAt({ Dockerfile: '1' });
  utimesSync(join(folder, 'Dockerfile'), 1, 1);
  expect(await triggers.look(never)).toEqual({ reasons: [], projectFileChanged: false, unreadable: [] });
});

it('sees a second change within one tick of the clock of the file system', async () => {
  const { folder, triggers } = await lookAt({ Dockerfile: 'a' });
  for (const content of ['b', 'c', 'd', 'e']) {
    writeFileSync(join(folder, 'Dockerfile'), content);
    expect((await triggers.look(never)).reasons).toEqual(['Dockerfile changed']);
  }
});

it('tells the project file from the triggers', async () => {
  const { folder, triggers } = await lookAt({ Dockerfile: '1' });
  writeFileSync(join(folder, '.resin-sync.yml'), 'ignore: []\n');
  expect(await triggers.look(never)).toEqual({ reasons: [], projectFileChanged: true, unreadable: [] });
});

it('tells with the first look at the next version of a project what has changed since the last look at this one', async () => {
  const { folder, triggers } = await lookAt(
    { Dockerfile: '1', '.dockerignore': 'a', gone: '', 'new.txt': '1' },
    ['gone'],
  );
  writeFileSync(join(folder, '.dockerignore'), 'b');
  rmSync(join(folder, 'gone'));
  const next = triggers.following(['new.txt']).following(['new.txt']);
  expect((await next.look(never)).reasons).toEqual(['.dockerignore changed']);
  writeFileSync(join(folder, 'new.txt'), '2');
  expect((await next.look(never)).reasons).toEqual(['new.txt changed']);
});

it('finds no news with the first look', async () => {
  const triggers = new TriggerLook(temporaryFolder({ Dockerfile: '1' }), [], () => Date.now());
  expect((await triggers.look(never)).reasons).toEqual([]);
});

describe('what cannot be read', () => {
  const becomesFolder = (path: string): void => {
    rmSync(path);
    mkdirSync(path);
  };

  it('has not changed, if it is a trigger, until it can be read again', async () => {
    const { folder, triggers } = await lookAt({ Dockerfile: '1', 'package.json': '{}' });
    const path = join(folder, 'Dockerfile');
    becomesFolder(path);
    writeFileSync(join(folder, 'package.json'), '{ }');
    const { reasons, unreadable } = await triggers.look(never);
    expect(reasons).toEqual(['package.json changed']);
    expect(unreadable.map(({ message }) => message)).toEqual([
      expect.stringContaining('Dockerfile is a folder'),
    ]);
    expect((await triggers.look(never)).unreadable).toHaveLength(1);
    rmdirSync(path);
    writeFileSync(path, '1');
    expect(await triggers.look(never)).toEqual({ reasons: [], projectFileChanged: false, unreadable: [] });
    writeFileSync(path, '2');
    expect((await triggers.look(never)).reasons).toEqual(['Dockerfile changed']);
  });

  it('has changed, if it is the project file, and so it has when it can be read again', async () => {
    const { folder, triggers } = await lookAt({ '.resin-sync.yml': 'ignore: []\n' });
    const path = join(folder, '.resin-sync.yml');
    becomesFolder(path);
    const changed = { reasons: [], projectFileChanged: true, unreadable: [] };
    expect(await triggers.look(never)).toEqual(changed);
    expect((await triggers.look(never)).projectFileChanged).toBe(false);
    rmdirSync(path);
    writeFileSync(path, 'ignore: []\n');
    expect(await triggers.look(never)).toEqual(changed);
  });
});
