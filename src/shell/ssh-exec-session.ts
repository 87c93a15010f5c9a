import { constants } from 'node:os';
import type { ExecSession } from '../transport/engine.js';
import type { SshExit, SshProcess } from '../transport/ssh-session.js';

/** As shells report what they do not know. */
const UNKNOWN_SIGNAL_EXIT = 255;

/** A process of the device itself, seen as one of a container. */
export const asExecSession = (process: SshProcess): ExecSession => {
  const exitCode = process.exit.then(exitCodeOf);
  // Whoever reads only the outputs learns of a failure from them.
  exitCode.catch(() => undefined);
  const { stdin, stdout, stderr } = process;
  return {
    stdin,
    stdout,
    stderr,
    exitCode,
    resize: (columns, rows) => {
      process.resize(columns, rows);
      return Promise.resolve();
    },
  };
};

/** 128 + n for a signal, as shells report it. */
export const exitCodeOf = (exit: SshExit): number => {
  if (exit.kind === 'exited') return exit.code;
  const numbers: Readonly<Record<string, number>> = constants.signals;
  const number = numbers[`SIG${exit.signal}`];
  return number === undefined ? UNKNOWN_SIGNAL_EXIT : 128 + number;
};
