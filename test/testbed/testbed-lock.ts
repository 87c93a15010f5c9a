import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { TESTBED_FOLDER } from './device-record.js';

/**
 * Runs `work` while no other process of this host is inside: numbers, bridges and sweeping are shared by all.
 * The lock is held by a child whose stdin is ours, so the kernel opens it again however this process ends.
 */
export async function withTestbedLock<T>(work: () => Promise<T>): Promise<T> {
  mkdirSync(TESTBED_FOLDER, { recursive: true, mode: 0o755 });
  const [file, ...args] = holdLock(join(TESTBED_FOLDER, 'lock'));
  const holder = spawn(file, args);
  try {
    await locked(holder);
    return await work();
  } finally {
    await release(holder);
  }
}

function holdLock(lockFile: string): [string, ...string[]] {
  return ['flock', lockFile, 'sh', '-c', 'echo locked; exec cat'];
}

async function locked(holder: ChildProcessWithoutNullStreams): Promise<void> {
  await Promise.race([once(holder.stdout, 'data'), failure(holder)]);
}

async function failure(holder: ChildProcessWithoutNullStreams): Promise<never> {
  const [code] = (await once(holder, 'exit')) as [number | null];
  throw new Error(`flock ended with ${String(code)} before it had the lock`);
}

async function release(holder: ChildProcessWithoutNullStreams): Promise<void> {
  if (holder.exitCode !== null) return;
  const ended = once(holder, 'exit');
  holder.stdin.end();
  await ended;
}
