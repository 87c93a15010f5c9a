import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { openFileInput } from '../../../src/image/decode/file-input.js';
import { openFileDevice } from '../../../src/image/file/file-device.js';
import { PackedFiles } from './packed-files.js';

const files = new PackedFiles();
afterAll(() => files[Symbol.dispose]());

function namedPipe(name: string): string {
  const path = `${files.folder}/${name}`;
  execFileSync('mkfifo', [path]);
  return path;
}

async function readAll(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

/** Its pipes lie in no folder. */
const onWindows = process.platform === 'win32';

it.skipIf(onWindows).each(['read', 'write'] as const)(
  'a named pipe is nothing to configure (%s)',
  async (access) => {
    await expect(openFileDevice(namedPipe(access), access, process.platform)).rejects.toThrow(
      /neither an image/,
    );
  },
);

describe.skipIf(onWindows)('a named pipe that nobody writes to yet', () => {
  it('is opened at once, and left when the user gives up', async () => {
    const controller = new AbortController();
    const input = await openFileInput(namedPipe('silent'), controller.signal);
    const reading = readAll(input.chunks());
    controller.abort(new Error('given up'));
    await expect(reading).rejects.toThrow();
    await input.close();
  });

  it('is waited for: what comes later is read to its end', async () => {
    const path = namedPipe('late');
    const input = await openFileInput(path, new AbortController().signal);
    const reading = readAll(input.chunks());
    await writeFile(path, 'late bytes');
    expect((await reading).toString()).toBe('late bytes');
    await input.close();
  });
});
