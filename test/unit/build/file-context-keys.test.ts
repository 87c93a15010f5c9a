import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileContextKeys } from '../../../src/build/state/file-context-keys.js';
import { temporaryFolder } from './temporary-folder.js';

const keysIn = (folder: string): FileContextKeys => new FileContextKeys(path.join(folder, 'contexts'));

describe('the key under which a device keeps a context', () => {
  it('is the same again once the build that used it was answered', async () => {
    const folder = temporaryFolder();
    const key = await keysIn(folder).take('device/app');
    await keysIn(folder).keep('device/app', key);
    expect(await keysIn(folder).take('device/app')).toBe(key);
  });

  it('is another one after a build that never was', async () => {
    const keys = keysIn(temporaryFolder());
    const key = await keys.take('device/app');
    await keys.keep('device/app', key);
    await keys.take('device/app');
    expect(await keys.take('device/app')).not.toBe(key);
  });

  it('goes to one of several that want it at once', async () => {
    const keys = keysIn(temporaryFolder());
    await keys.keep('t', await keys.take('t'));
    const taken = await Promise.all([keys.take('t'), keys.take('t'), keys.take('t')]);
    expect(new Set(taken).size).toBe(3);
  });

  it('is not shared by targets, and tells nothing of them', async () => {
    const folder = temporaryFolder();
    const keys = keysIn(folder);
    await keys.keep('/home/ann/secret', await keys.take('/home/ann/secret'));
    const [key, other] = [await keys.take('/home/ann/secret'), await keys.take('b')];
    expect(other).not.toBe(key);
    expect(key).toMatch(/^[0-9a-f]{32}$/);
  });

  it('cannot be taken where nothing can be written, which is not said to be unreadable', async () => {
    const folder = path.join(temporaryFolder(), 'x'.repeat(300));
    await expect(new FileContextKeys(folder).take('t')).rejects.toMatchObject({
      message: `Cannot write ${folder}, where rdt notes what devices keep of its builds.`,
      hint: expect.stringContaining('RDT_STATE_DIR') as string,
    });
  });

  it.runIf(process.platform === 'linux').each(['/proc/none', '/sys/kernel'])(
    'cannot be taken where it could not be kept: %s',
    async (folder) => {
      await expect(keysIn(folder).take('t')).rejects.toMatchObject({
        message: expect.stringContaining(`Cannot write ${folder}`) as string,
      });
    },
  );

  it('is a new one when what was noted is cut short', async () => {
    const folder = temporaryFolder();
    const keys = keysIn(folder);
    await keys.keep('t', await keys.take('t'));
    const [file = ''] = readdirSync(path.join(folder, 'contexts'));
    writeFileSync(path.join(folder, 'contexts', file), 'abc');
    expect(await keys.take('t')).toMatch(/^[0-9a-f]{32}$/);
  });
});
