import type { CommanderError } from 'commander';
import { ExitCode, failureOf } from '../errors.js';
import type { Runtime } from '../runtime.js';

/** The commands whose `--json` prints events. */
const COMMANDS: ReadonlySet<string | undefined> = new Set(['push', 'flash']);

/** With `--json` the last event of a command that did not succeed; stderr says it, too. */
export async function tellingFailure(
  json: boolean,
  { stdout, signal }: Runtime,
  work: Promise<void>,
): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (json) stdout.write(`${JSON.stringify({ type: 'failed', ...failureOf(error, signal) })}\n`);
    throw error;
  }
}

/** The same of a command line that commander refused, perhaps before it came to `--json`; `args` is all of it. */
export function tellRefusal(error: CommanderError, args: readonly string[], { stdout }: Runtime): void {
  const end = args.indexOf('--');
  const options = end === -1 ? args : args.slice(0, end);
  if (!COMMANDS.has(args[0]) || !options.includes('--json')) return;
  const [message, ...more] = error.message.replace(/^error: /, '').split('\n');
  const hint = more.length === 0 ? undefined : more.join('\n');
  stdout.write(`${JSON.stringify({ type: 'failed', exitCode: ExitCode.usage, message, hint })}\n`);
}
