import { posix, win32 } from 'node:path';
import { ExitCode, RdtError } from './errors.js';
import type { Runtime } from './runtime.js';

/**
 * Where rdt keeps what it learns: `RDT_STATE_DIR`, else the platform's place for state (`XDG_STATE_HOME` or `~/.local/state`,
 * `%LOCALAPPDATA%` on Windows). Throws an `RdtError` when the environment names no home.
 */
export const stateDirectory = ({ env, platform }: Pick<Runtime, 'env' | 'platform'>): string => {
  const { RDT_STATE_DIR: own, XDG_STATE_HOME: xdg, LOCALAPPDATA: local, HOME: home } = env;
  if (isSet(own)) return own;
  if (platform === 'win32' && isSet(local)) return win32.join(local, 'rdt');
  // The XDG rules: a relative path in the variable is to be ignored.
  if (isSet(xdg) && posix.isAbsolute(xdg)) return posix.join(xdg, 'rdt');
  if (isSet(home)) return posix.join(home, '.local', 'state', 'rdt');
  throw new RdtError(
    'Cannot tell where to keep state: neither HOME nor XDG_STATE_HOME nor RDT_STATE_DIR is set.',
    {
      exitCode: ExitCode.usage,
      hint: 'Set RDT_STATE_DIR to a folder of yours.',
    },
  );
};

/** `kept` says what the folder is for: `where rdt notes what it has pushed`. */
export const stateUnusable = (
  what: 'read' | 'write',
  folder: string,
  kept: string,
  cause: unknown,
): RdtError =>
  new RdtError(`Cannot ${what} ${folder}, ${kept}.`, {
    hint: `${cause instanceof Error ? cause.message : String(cause)}. RDT_STATE_DIR can name another folder.`,
    cause,
  });

const isSet = (value: string | undefined): value is string => value !== undefined && value !== '';
