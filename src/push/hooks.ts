import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { RdtError } from '../errors.js';
import type { Clock } from '../runtime.js';
import { errorCode } from '../system-error.js';

/** For output that was written before the shell ended. */
const LAST_OUTPUT_MS = 250;

export interface Hook {
  readonly name: 'before' | 'after';
  /** The user's own command line, for the platform's shell. */
  readonly command: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly clock: Clock;
}

/**
 * Runs a hook in the source folder and shows its output, until its shell has ended.
 * @throws RdtError (exit code 1) when it cannot be run, ends with another status than 0, or by a signal.
 */
export async function runHook(
  hook: Hook,
  show: (stream: 'stdout' | 'stderr', chunk: Uint8Array) => void,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const child = startShell(hook);
  const end = (): void => endAll(child, hook);
  signal.addEventListener('abort', end);
  try {
    child.stdout.on('data', (chunk: Buffer) => show('stdout', chunk));
    child.stderr.on('data', (chunk: Buffer) => show('stderr', chunk));
    const closed = once(child, 'close').then(() => undefined);
    // When the shell cannot be started, `exit` below tells it as well.
    closed.catch(() => undefined);
    const [status, killedBy] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    await lastOutput(child, closed, hook.clock);
    signal.throwIfAborted();
    if (status !== 0)
      throw failed(
        hook,
        status === null ? `was ended by ${killedBy ?? 'a signal'}` : `ended with status ${status}`,
      );
  } catch (error) {
    if (error instanceof RdtError || signal.aborted) throw error;
    throw failed(hook, 'could not be started', error);
  } finally {
    signal.removeEventListener('abort', end);
  }
}

type Shell = ChildProcessByStdio<null, Readable, Readable>;

/** A group of its own, so that an interrupt reaches what the shell has started as well; Windows knows no such groups. */
const startShell = ({ command, cwd, env, platform }: Hook): Shell =>
  spawn(command, {
    shell: true,
    cwd,
    env,
    detached: platform !== 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

function endAll(child: Shell, { platform, env }: Hook): void {
  if (child.pid === undefined) return;
  if (platform === 'win32') endTree(child, child.pid, env);
  else endGroup(child.pid);
}

function endGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGTERM');
  } catch (error) {
    // All of them have ended, and only our news of it is still on its way.
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}

/** On Windows: the shell with all that it has started, which would outlive it otherwise. Where that cannot be had, at least the shell. */
function endTree(child: Shell, pid: number, env: Hook['env']): void {
  // By its place: Windows looks for a bare name in the current folder first.
  const taskkill = join(env['SystemRoot'] ?? 'C:\\Windows', 'System32', 'taskkill.exe');
  // Programs without a window cannot be asked, they can only be made to (/F).
  execFile(taskkill, ['/PID', String(pid), '/T', '/F'], { env }, (error) => {
    if (error !== null) child.kill();
  });
}

/** What the shell has left running in the background holds the pipes open, but not us. */
async function lastOutput(child: Shell, closed: Promise<void>, clock: Clock): Promise<void> {
  const enough = new AbortController();
  const timer = clock.sleep(LAST_OUTPUT_MS, enough.signal).catch(() => undefined);
  await Promise.race([closed, timer]);
  enough.abort();
  child.stdout.destroy();
  child.stderr.destroy();
}

function failed({ name, command }: Hook, what: string, cause?: unknown): RdtError {
  return new RdtError(`the ${name} command ${what}: ${command}`, {
    hint:
      name === 'before'
        ? 'Nothing on the device was changed.'
        : 'The device was updated; only this command failed.',
    cause,
  });
}
