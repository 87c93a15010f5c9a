import { once } from 'node:events';
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RdtError } from '../../../src/errors.js';
import { canLink } from '../can-link.js';
import { compareTriggers, readTriggers } from '../../../src/sync/build-triggers.js';

/** `printf hello | sha256sum` */
const HELLO = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';
/** `head -c 3000000 /dev/zero | tr '\\0' '\\377' | sha256sum` */
const THREE_MEGABYTES_OF_FF = 'fe1798ad57945703208c626a0551c474bc6c4a385b6da5ae2a3e2c317b4cc06c';
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** It has no sockets in folders, and no permission bits. */
const onWindows = process.platform === 'win32';

let source: string;
beforeEach(() => {
  source = mkdtempSync(join(tmpdir(), 'rdt-triggers-'));
});
// Windows removes no folder in which a file is open, and one may just be being closed.
afterEach(() => rm(source, { recursive: true, force: true, maxRetries: 10 }));

const put = (path: string, content: string): void => writeFileSync(join(source, path), content);

/** Systems give the lowest one that is free. */
function nextDescriptor(): number {
  const descriptor = openSync(join(source, 'Dockerfile'), 'r');
  closeSync(descriptor);
  return descriptor;
}

describe('reading', () => {
  it('hashes Dockerfile and package.json without being told, then the listed files, each once', async () => {
    put('requirements.txt', 'hello');
    put('package.json', '');
    put('Dockerfile', 'hello');
    expect([...(await readTriggers(source, ['requirements.txt', 'Dockerfile']))]).toEqual([
      ['Dockerfile', HELLO],
      ['package.json', EMPTY],
      ['requirements.txt', HELLO],
    ]);
  });

  it.skipIf(!canLink)(
    'leaves out what does not exist: a missing file, a missing folder, a file as a folder, a link to nowhere',
    async () => {
      put('file', '');
      symlinkSync('nowhere', join(source, 'link'));
      expect(await readTriggers(source, ['none', 'no/where', 'file/below', 'link'])).toEqual(new Map());
    },
  );

  it.skipIf(!canLink)('follows links to files', async () => {
    put('real', 'hello');
    symlinkSync('real', join(source, 'Dockerfile'));
    expect(await readTriggers(source, [])).toEqual(new Map([['Dockerfile', HELLO]]));
  });

  it('hashes bytes, not text, and files larger than one read', async () => {
    writeFileSync(join(source, 'Dockerfile'), Buffer.alloc(3_000_000, 0xff));
    expect((await readTriggers(source, [])).get('Dockerfile')).toBe(THREE_MEGABYTES_OF_FF);
  });

  it.skipIf(!canLink)('refuses a folder and a link to itself, by name', async () => {
    mkdirSync(join(source, 'src'));
    symlinkSync('loop', join(source, 'loop'));
    await expect(readTriggers(source, ['src'])).rejects.toThrow('build trigger src is a folder');
    await expect(readTriggers(source, ['loop'])).rejects.toThrow('build trigger loop is a symbolic link');
  });

  it.each(['Dockerfile', 'src'])(
    'says what helps against a folder %s, also where no list does',
    async (name) => {
      mkdirSync(join(source, name));
      await expect(readTriggers(source, ['src'])).rejects.toMatchObject({
        hint: expect.stringMatching(/^Make it a file that you can read\. If --build-triggers/) as string,
      });
    },
  );

  it.skipIf(onWindows)('refuses what is no file, without waiting for its other end', async () => {
    const server = createServer().listen(join(source, 'socket'));
    try {
      await once(server, 'listening');
      await expect(readTriggers(source, ['socket'])).rejects.toThrow(
        'build trigger socket is not a regular file',
      );
    } finally {
      server.close();
    }
  });

  it.skipIf(onWindows || process.getuid?.() === 0)('refuses a file that it may not read', async () => {
    put('secret', '');
    chmodSync(join(source, 'secret'), 0);
    await expect(readTriggers(source, ['secret'])).rejects.toBeInstanceOf(RdtError);
  });

  it('ends with the reason of an aborted signal', async () => {
    put('Dockerfile', 'hello');
    const reason = new Error('enough');
    await expect(readTriggers(source, [], AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it('leaves no file open when its signal is aborted', async () => {
    put('Dockerfile', 'hello');
    const before = nextDescriptor();
    for (let i = 0; i < 50; i++) await readTriggers(source, [], AbortSignal.abort()).catch(() => undefined);
    expect(nextDescriptor()).toBeLessThan(before + 20);
  });
});

describe('comparing', () => {
  it('tells what changed, appeared and vanished', () => {
    const saved = new Map([
      ['same', '1'],
      ['other', '1'],
      ['gone', '1'],
    ]);
    const current = new Map([
      ['new', '1'],
      ['other', '2'],
      ['same', '1'],
    ]);
    expect(compareTriggers(saved, current)).toEqual({
      changed: ['other'],
      appeared: ['new'],
      vanished: ['gone'],
    });
  });
});
