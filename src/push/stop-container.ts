import type { Clock } from '../runtime.js';
import type { Container, Engine } from '../transport/engine.js';

export interface StopOptions {
  readonly graceMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Asking costs the device more than most apps need to end. */
const ASK_AFTER_MS = 50;

/** Stop signals whose numbers are the same on every system; any other one is left to the grace. */
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 };

/**
 * Asks the app to end and kills it after the grace. The engine's own stop counts in whole seconds, ten by default, and a PID 1
 * without a handler ignores the question: with it each restart of a plain `node` would last ten seconds (SYNC.md, section 1).
 * Where the device can tell that there is no handler, nothing is waited for.
 */
export async function stopContainer(
  engine: Engine,
  container: Container,
  options: StopOptions,
): Promise<void> {
  const { graceMs, clock, signal } = options;
  const over = new AbortController();
  const whileOpen = AbortSignal.any([signal, over.signal]);
  try {
    const answers = [
      engine.waitContainer(container.id, 'not-running', whileOpen).then(() => 'ended'),
      engine
        .killContainer(container.id, container.stopSignal, signal)
        .then((sent) => (sent ? never() : 'ended')),
      clock
        .sleep(ASK_AFTER_MS, whileOpen)
        .then(() => isDeaf(engine, container, whileOpen))
        .then((deaf) => (deaf ? 'kill' : never())),
      clock.sleep(graceMs, whileOpen).then(() => 'kill'),
    ];
    // Those that lose the race are cut short when it is over, and reject.
    for (const answer of answers) answer.catch(() => undefined);
    if ((await Promise.race(answers)) === 'kill') await engine.killContainer(container.id, 'SIGKILL', signal);
  } finally {
    over.abort();
  }
}

const never = (): Promise<never> => new Promise(() => undefined);

/** The main process is known to have no handler for the stop signal; as PID 1 it then ignores it. */
async function isDeaf(
  engine: Engine,
  { id, state, stopSignal }: Container,
  signal: AbortSignal,
): Promise<boolean> {
  const number = SIGNAL_NUMBERS[stopSignal];
  if (number === undefined || state.pid === 0) return false;
  const caught = await engine.caughtSignals(id, state.pid, signal);
  return caught !== undefined && !caught.has(number);
}

/** Stops and starts, so that the app runs with the files as they are now. */
export async function restartContainer(
  engine: Engine,
  container: Container,
  options: StopOptions,
): Promise<void> {
  if (container.state.running) await stopContainer(engine, container, options);
  await engine.startContainer(container.id, options.signal);
}
