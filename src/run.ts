import { CommanderError } from 'commander';
import { buildProgram } from './cli.js';
import { tellRefusal } from './commands/failure-event.js';
import { withoutBooleanValues } from './commands/legacy-booleans.js';
import type { Wiring } from './commands/command-deps.js';
import { ExitCode, type Failure, failureOf, RdtError } from './errors.js';
import type { Runtime } from './runtime.js';
import { shownLine, shownText } from './ui/program-output.js';

/** Runs one command line and answers its exit code. The one place where errors become text. */
export async function run(args: readonly string[], runtime: Runtime, wiring: Wiring): Promise<number> {
  let exitCode: number = ExitCode.ok;
  const program = buildProgram({ runtime, wiring, args, setExitCode: (code) => (exitCode = code) });
  try {
    await program.parseAsync(withoutBooleanValues(args), { from: 'user' });
    return exitCode;
  } catch (error) {
    return report(error, args, runtime);
  }
}

function report(error: unknown, args: readonly string[], runtime: Runtime): number {
  if (error instanceof CommanderError) return refused(error, args, runtime);
  const failure = failureOf(error, runtime.signal);
  const isWanted = !(error instanceof RdtError) || runtime.env['RDT_DEBUG'] !== undefined;
  runtime.stderr.write(describe(failure));
  if (isWanted && failure.exitCode !== ExitCode.interrupted)
    runtime.stderr.write(`${shownText(stack(error))}\n`);
  return failure.exitCode;
}

/** commander has printed its own message; `--help` and `--version` are not failures. */
function refused(error: CommanderError, args: readonly string[], runtime: Runtime): number {
  if (error.exitCode === 0) return ExitCode.ok;
  tellRefusal(error, args, runtime);
  return ExitCode.usage;
}

function describe({ message, hint }: Failure): string {
  // Each may quote what an app, an engine, an ssh server or a project file says.
  const lines = [`rdt: ${shownText(message)}`];
  if (hint !== undefined) lines.push(...hint.split('\n').map((line) => `  ${shownLine(line)}`));
  return `${lines.join('\n')}\n`;
}

function stack(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const causes: unknown[] = error instanceof AggregateError ? error.errors : [error.cause];
  const known = causes.filter((cause) => cause !== undefined);
  return [error.stack ?? error.message, ...known.map((cause) => `caused by: ${stack(cause)}`)].join('\n');
}
