import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { text } from 'node:stream/consumers';
import type { FakeProcess } from '../../contract/fake-process.js';

/** Plays `LIST_SCRIPT` for regular files of the usual destination. */
export async function listFiles({ files, stdin, stdout }: FakeProcess): Promise<number> {
  for (const path of (await text(stdin)).split('\0')) {
    const node = files.find(posix.join('/usr/src/app', path));
    if (node?.kind !== 'file') continue;
    const sha256 = createHash('sha256').update(node.bytes).digest('hex');
    stdout.write(
      `s ${(0o100_000 | node.mode).toString(16)} 0 2020-01-01 00:00:00 ${path}\n${sha256}  ${path}\n`,
    );
  }
  stdout.write('rdt:0\n');
  return 0;
}
