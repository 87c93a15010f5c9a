import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { text } from 'node:stream/consumers';
import { LIST_SCRIPT } from '../../../src/sync/container-script.js';
import { type FakeProcess, runUntilKilled } from '../../contract/fake-process.js';

const DESTINATION = '/usr/src/app';
const TYPES = { file: 0o100_000, directory: 0o040_000, symlink: 0o120_000 } as const;

/** Plays `LIST_SCRIPT` for the usual destination. */
export async function listFiles({ files, stdin, stdout }: FakeProcess): Promise<number> {
  const state = files.find(`${DESTINATION}/.rdt-state`);
  stdout.write(`state ${state?.kind === 'symlink' ? state.target : 'none'}\n`);
  for (const path of (await text(stdin)).split('\0').filter(Boolean)) {
    const node = files.find(posix.join(DESTINATION, path));
    if (node === undefined) continue;
    const time = new Date(node.mtimeMs).toISOString().replace('T', ' ').replace('Z', '000000 +0000');
    const mode = (TYPES[node.kind] | node.mode).toString(16);
    stdout.write(`s ${mode} ${Math.floor(node.mtimeMs / 1000)} ${time} ${path}\n`);
    if (node.kind === 'symlink') stdout.write(`l ${path}\n${node.target}\n.\n`);
    if (node.kind === 'file')
      stdout.write(`${createHash('sha256').update(node.bytes).digest('hex')}  ${path}\n`);
  }
  stdout.write('rdt:0\n');
  return 0;
}

/** What a container has: the app, `main`, which runs until it is killed, and a shell that lists files. */
export function mainAndListing(process: FakeProcess): Promise<number> | undefined {
  if (process.argv[0] === 'main') return runUntilKilled(process.killed);
  return process.argv[2] === LIST_SCRIPT ? listFiles(process) : undefined;
}
