import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Container, Engine } from '../transport/engine.js';

export interface LogSinks {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** Shows what the app has printed in its present run, and prints, until the signal is aborted or the app is gone. */
export async function followAppLogs(
  engine: Engine,
  container: Container,
  sinks: LogSinks,
  signal: AbortSignal,
): Promise<void> {
  // An app may print before the engine books its start.
  const since = container.state.finishedAt;
  const options = { follow: true, ...(since === undefined ? {} : { since }), timestamps: false };
  const { stdout, stderr } = await engine.logs(container.id, options, signal);
  await Promise.all([show(stdout, sinks.stdout), show(stderr, sinks.stderr)]);
}

async function show(from: Readable, to: Writable): Promise<void> {
  from.pipe(to, { end: false });
  await finished(from, { writable: false });
}
