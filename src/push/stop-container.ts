import type { Clock } from '../runtime.js';
import type { Container, Engine } from '../transport/engine.js';

export interface StopOptions {
  readonly graceMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Asking costs the device more than most apps need to end. As long as it cannot be told, the next pause is twice as long. */
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
  const { id, stopSignal } = container;
  const { signal } = options;
  const over = new AbortController();
  const whileOpen = AbortSignal.any([signal, over.signal]);
  try {
    const first = await firstOf([
      engine.waitContainer(id, 'not-running', whileOpen).then(() => 'ended'),
      engine.killContainer(id, stopSignal, signal).then((sent) => (sent ? never() : 'ended')),
      ...whenToKill(engine, container, options, whileOpen),
    ]);
    if (first === 'kill') await engine.killContainer(id, 'SIGKILL', signal);
  } finally {
    over.abort();
  }
}

/**
 * Stops and starts, so that the app runs with the files as they are now. By one request: so the engine leaves the container's file system
 * mounted, whose end it would otherwise wait to be written to the disk, and starts the app also when the connection is lost meanwhile.
 */
export async function restartContainer(
  engine: Engine,
  container: Container,
  options: StopOptions,
): Promise<void> {
  const { id } = container;
  const { graceMs, signal } = options;
  if (!container.state.running) return engine.startContainer(id, signal);
  const over = new AbortController();
  const whileOpen = AbortSignal.any([signal, over.signal]);
  try {
    const ended = engine.waitContainer(id, 'next-exit', whileOpen);
    const restarted = engine.restartContainer(id, Math.ceil(graceMs / MS_PER_SECOND), signal);
    const first = await firstOf([
      ended.then(() => 'ended'),
      restarted.then(() => 'ended'),
      ...whenToKill(engine, container, options, whileOpen),
    ]);
    const mustKill = first === 'kill' && (await isSameRun(engine, container, signal));
    if (mustKill) await engine.killContainer(id, 'SIGKILL', signal);
    await restarted;
    // An app that ended by itself just before the kill arrived was killed after its new start.
    if (mustKill) await engine.startContainer(id, signal);
  } finally {
    over.abort();
  }
}

const MS_PER_SECOND = 1_000;

/** Those that come later are cut short by the caller, and reject. */
function firstOf<T>(answers: readonly Promise<T>[]): Promise<T> {
  for (const answer of answers) answer.catch(() => undefined);
  return Promise.race(answers);
}

/** One of these resolves when an app that was asked to end has had its time, or is known to be deaf. */
const whenToKill = (
  engine: Engine,
  container: Container,
  { graceMs, clock }: StopOptions,
  signal: AbortSignal,
): Promise<'kill'>[] => [
  untilDeaf(engine, container, clock, signal),
  clock.sleep(graceMs, signal).then(() => 'kill'),
];

const never = (): Promise<never> => new Promise(() => undefined);

/** Resolves when the main process is known neither to handle the stop signal nor to wait for it; as PID 1 it then ignores it. */
async function untilDeaf(
  engine: Engine,
  { id, state, stopSignal }: Container,
  clock: Clock,
  signal: AbortSignal,
): Promise<'kill'> {
  const number = SIGNAL_NUMBERS[stopSignal];
  if (number === undefined || state.pid === 0) return never();
  for (let pauseMs = ASK_AFTER_MS; ; pauseMs *= 2) {
    await clock.sleep(pauseMs, signal);
    const listens = await engine.listensTo(id, state.pid, number, signal);
    if (listens !== undefined) return listens ? never() : 'kill';
  }
}

/** Not started again since `container` was looked at. */
async function isSameRun(engine: Engine, { id, state }: Container, signal: AbortSignal): Promise<boolean> {
  const now = (await engine.inspectContainer(id, signal))?.state;
  return now?.running === true && now.startedAt === state.startedAt;
}
