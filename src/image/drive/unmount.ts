import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { RdtError } from '../../errors.js';
import { holdersOfMount } from './holders.js';
import { readMounts } from './mount-table.js';

const run = promisify(execFile);

/**
 * Unmounts these mount points of a drive and nothing else, the newest first, so that nested ones go before what they are nested in.
 * Never lazily: then the file system would live on while its drive is overwritten. Throws an `RdtError` naming who keeps one busy.
 */
export async function unmountAll(
  drive: string,
  mountPoints: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const wanted = new Set(mountPoints);
  const mounted = (await readMounts()).map((mount) => mount.mountPoint).filter((point) => wanted.has(point));
  for (const mountPoint of mounted.reverse()) await unmount(drive, mountPoint, signal);
}

async function unmount(drive: string, mountPoint: string, signal: AbortSignal): Promise<void> {
  try {
    await run('umount', ['--', mountPoint], { signal, env: { ...process.env, LC_ALL: 'C' } });
  } catch (error) {
    signal.throwIfAborted();
    const holders = await holdersOfMount(mountPoint).catch(() => []);
    const who = holders.length === 0 ? '' : `: it is used by ${holders.join(', ')}`;
    throw new RdtError(`cannot unmount ${mountPoint} of ${drive}${who}`, {
      hint: holders.length === 0 ? complaintOf(error) : 'Close what uses it, and try again.',
      cause: error,
    });
  }
}

function complaintOf(error: unknown): string {
  const text = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  return text === '' ? 'Unmount it, and try again.' : text;
}
