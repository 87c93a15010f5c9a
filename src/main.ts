import { setMaxListeners } from 'node:events';
import { closeSync, writeSync } from 'node:fs';
import type { Wiring } from './commands/command-deps.js';
import { ExitCode } from './errors.js';
import { run } from './run.js';
import type { Runtime } from './runtime.js';
import { systemClock } from './system-clock.js';

/**
 * Node warns of more than ten that wait for one signal, which a push within a watch has at times: six helpers, and five questions at once. A leak
 * is many more.
 */
const MOST_LISTENERS = 50;

/** Programs such as `timeout` signal a process, and then the group that it is in: that is one signal. */
const DOUBLED_MS = 300;

/** The first signal asks the command to end in good order, the second one ends it at once. */
function listenForInterrupts(): AbortController {
  const controller = new AbortController();
  let firstAtMs = 0;
  // All that waits listens to it, such as the logs of many containers: that is no leak.
  setMaxListeners(0, controller.signal);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) {
    process.on(name, () => {
      const nowMs = performance.now();
      if (controller.signal.aborted && nowMs - firstAtMs > DOUBLED_MS) process.exit(130);
      if (controller.signal.aborted) return;
      firstAtMs = nowMs;
      controller.abort(new Error(`interrupted by ${name}`));
    });
  }
  return controller;
}

/** Half of what they do is no success, and has to be left in good order. */
const CHANGING_COMMANDS: readonly string[] = ['configure', 'flash', 'push'];

/**
 * `rdt logs | head` closes our stdout: that ends us quietly, as it ends every tool in a pipe. A full disk is told of. What changes a device or
 * a drive is interrupted.
 */
function endWithOutput(stream: NodeJS.WriteStream, interrupts: AbortController): void {
  const command = process.argv.slice(2).find((word) => !word.startsWith('-'));
  stream.on('error', (error: NodeJS.ErrnoException) => {
    const isClosed = error.code === 'EPIPE';
    if (!isClosed && stream === process.stdout)
      process.stderr.write(`rdt: cannot write the output: ${error.message}\n`);
    if (!CHANGING_COMMANDS.includes(command ?? '')) process.exit(isClosed ? ExitCode.ok : ExitCode.failure);
    interrupts.abort(new Error('the output cannot be written'));
    // The command may have ended already, and well.
    if (!isClosed) process.once('exit', () => (process.exitCode ||= ExitCode.failure));
  });
}

/**
 * When Node ends it gives the terminal the settings of when it began. At the end of a pipe, `less` has made its own by then, or has taken them
 * back: `rdt logs | less` would leave a terminal that shows nothing of what is typed. Node leaves alone what is closed.
 */
function leaveTerminalToPager({ stdin, stderr }: NodeJS.Process): void {
  let isCrash = false;
  process.on('uncaughtExceptionMonitor', () => (isCrash = true));
  process.on('exit', () => {
    // A session of ours has the terminal, or there is something to say yet.
    if (stdin.isRaw || isCrash) return;
    closeTerminal([stdin, stderr]);
  });
}

interface TerminalStream {
  readonly isTTY: boolean;
  readonly fd: number;
}

function closeTerminal(streams: readonly TerminalStream[]): void {
  for (const { isTTY, fd } of streams) if (isTTY) closeSync(fd);
}

/** A terminal whose window was closed takes no settings, and Node aborts (SIGABRT, a core dump) when it cannot give them back. */
function leaveGoneTerminal({ stdin, stdout, stderr }: NodeJS.Process): void {
  process.on('exit', () => closeTerminal([stdin, stdout, stderr].filter(hasHungUp)));
}

function hasHungUp({ isTTY, fd }: TerminalStream): boolean {
  try {
    if (isTTY) writeSync(fd, '');
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EIO';
  }
}

/** A shell may stand in a folder that was deleted: that matters to those alone who look into it, and they say that it is gone. */
function currentFolder({ env }: NodeJS.Process): string {
  try {
    return process.cwd();
  } catch {
    return env['PWD'] ?? '/';
  }
}

setMaxListeners(MOST_LISTENERS);
const interrupts = listenForInterrupts();
const runtime: Runtime = {
  env: process.env,
  cwd: currentFolder(process),
  platform: process.platform,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interrupts.signal,
  clock: systemClock,
};

const wiring: Wiring = {
  configure: async () => (await import('./wiring/configure.js')).wireConfigure(runtime),
  flash: async () => (await import('./wiring/flash.js')).wireFlash(runtime),
  discovery: async () => (await import('./wiring/discovery.js')).wireDiscovery(runtime),
  knownHosts: async () => (await import('./wiring/transport.js')).knownHostsFile(runtime),
  logs: async (options) => (await import('./wiring/logs.js')).wireLogs(runtime, options),
  push: async (options) =>
    options.watch === undefined
      ? (await import('./wiring/push.js')).wirePush(runtime, options)
      : (await import('./wiring/watch.js')).wireWatch(runtime, { ...options, ...options.watch }),
  ssh: async (options) => (await import('./wiring/ssh.js')).wireSsh(runtime, options),
};

leaveGoneTerminal(process);
if (!process.stdout.isTTY && process.platform !== 'win32') leaveTerminalToPager(process);
endWithOutput(process.stdout, interrupts);
endWithOutput(process.stderr, interrupts);
void run(process.argv.slice(2), runtime, wiring).then((exitCode) => {
  process.exitCode = exitCode;
  // After Ctrl-C nobody waits for a reader that has stopped reading, such as `less`.
  if (runtime.signal.aborted) setTimeout(() => process.exit(), 20).unref();
});
