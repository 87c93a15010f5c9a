import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { RdtError } from '../errors.js';

export interface Hook {
  readonly name: 'before' | 'after';
  /** The user's own command line, for the platform's shell. */
  readonly command: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Runs a hook in the source folder and shows its output.
 * @throws RdtError (exit code 1) when it cannot be run, ends with another status than 0, or by a signal.
 */
export async function runHook(
  hook: Hook,
  show: (chunk: Uint8Array) => void,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const { command, cwd, env } = hook;
  const child = spawn(command, { shell: true, cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = (): boolean => child.kill('SIGTERM');
  signal.addEventListener('abort', stop);
  try {
    child.stdout.on('data', show);
    child.stderr.on('data', show);
    const [status, killedBy] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
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
    signal.removeEventListener('abort', stop);
  }
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
