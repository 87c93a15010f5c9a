import type { LogOptions, LogStream } from '../engine.js';
import { type EngineCalls, inPath } from './engine-calls.js';
import type { EngineAnswer } from './engine-http.js';
import { toUnixSeconds } from './log-time.js';
import { OutputStreams } from './output-streams.js';

export interface LogCircumstances {
  readonly silenceMs: number | undefined;
  /** Whether the container has a terminal: then its output is not multiplexed. */
  readonly isTerminal: () => Promise<boolean>;
  readonly signal: AbortSignal | undefined;
}

/** See `Engine.logs`. */
export const openLogs = async (
  calls: EngineCalls,
  ref: string,
  options: LogOptions,
  { silenceMs, isTerminal, signal }: LogCircumstances,
): Promise<LogStream> => {
  signal?.throwIfAborted();
  // The signal fails the request, but must end the stream: they need two.
  const request = new AbortController();
  const abortRequest = () => request.abort(signal?.reason);
  signal?.addEventListener('abort', abortRequest, { once: true });
  try {
    const asked = {
      method: 'GET',
      path: `/containers/${inPath(ref)}/logs`,
      query: logQuery(options),
    } as const;
    const [answer, terminal] = await Promise.all([
      calls.http.requestOk({ ...asked, silenceMs, signal: request.signal }),
      isTerminal(),
    ]);
    signal?.throwIfAborted();
    return streamed(answer, terminal, calls.http.description, signal);
  } catch (error) {
    request.abort(error);
    throw error;
  } finally {
    signal?.removeEventListener('abort', abortRequest);
  }
};

const streamed = (
  answer: EngineAnswer,
  terminal: boolean,
  where: string,
  signal: AbortSignal | undefined,
): LogStream => {
  const outputs = new OutputStreams(answer.body, !terminal, where);
  const stop = () => outputs.stop();
  signal?.addEventListener('abort', stop, { once: true });
  outputs
    .fill()
    // The failure is also that of both outputs: their reader learns of it.
    .catch(() => undefined)
    .finally(() => signal?.removeEventListener('abort', stop));
  return outputs;
};

/** The request for a log, whoever reads it. */
export const logQuery = ({ follow, tail, since, until, timestamps }: LogOptions) => ({
  stdout: true,
  stderr: true,
  follow,
  timestamps,
  tail: tail ?? 'all',
  since: since === undefined ? undefined : toUnixSeconds(since),
  until: until === undefined ? undefined : toUnixSeconds(until),
});
