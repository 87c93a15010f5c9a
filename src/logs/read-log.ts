import type { Engine } from '../transport/engine.js';
import type { LogRange } from './container-log.js';
import { LineReader } from './line-reader.js';
import type { LogLine } from './log-line.js';

export interface ReadLogOptions {
  readonly range: LogRange;
  /** Whether the times of the lines are wanted; they cost the engine and the network a third more. */
  readonly timestamps: boolean;
  readonly signal: AbortSignal;
}

/** The log of a container as it is now, to its end. Rejects when the connection is cut. */
export async function* readLog(
  engine: Engine,
  { id, name }: { readonly id: string; readonly name: string },
  { range: { tail, since, until }, timestamps, signal }: ReadLogOptions,
): AsyncGenerator<readonly LogLine[]> {
  const limits = {
    ...(tail !== undefined && { tail }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  };
  const { terminal, batches } = await engine.logEntries(id, { follow: false, timestamps, ...limits }, signal);
  const reader = new LineReader(name, timestamps);
  reader.open(terminal);
  // Engines before 17.10 do not know `until`.
  const inRange = (lines: LogLine[]) =>
    until === undefined ? lines : lines.filter(({ time }) => time <= until);
  for await (const batch of batches) yield inRange(reader.read(batch));
  yield inRange(reader.rest());
}
