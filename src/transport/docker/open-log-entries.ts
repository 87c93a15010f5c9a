import type { Readable } from 'node:stream';
import { connectionCut } from '../connection-error.js';
import type { LogEntries, LogEntry, LogOptions } from '../engine.js';
import { type EngineCalls, inPath } from './engine-calls.js';
import type { EngineAnswer, EngineRequest } from './engine-http.js';
import { EntryParser } from './entry-parser.js';
import { type LogCircumstances, logQuery } from './open-logs.js';

/** See `Engine.logEntries`. */
export const openLogEntries = async (
  calls: EngineCalls,
  ref: string,
  options: LogOptions,
  { silenceMs, isTerminal, signal }: LogCircumstances,
): Promise<LogEntries> => {
  const request = new AbortController();
  const both = signal === undefined ? request.signal : AbortSignal.any([signal, request.signal]);
  const path = `/containers/${inPath(ref)}/logs`;
  const asked = { method: 'GET', path, query: logQuery(options), silenceMs, signal: both } as const;
  try {
    const [answer, terminal] = await Promise.all([unreadAnswer(calls, asked), isTerminal()]);
    const batches = terminal
      ? terminalBatches(answer.body)
      : frameBatches(answer.body, calls.http.description);
    return { terminal, batches };
  } catch (error) {
    request.abort(error);
    throw error;
  }
};

/** It may break off before somebody reads it, who learns of it then: that is no reason to crash. */
const unreadAnswer = async (calls: EngineCalls, asked: EngineRequest): Promise<EngineAnswer> => {
  const answer = await calls.http.requestOk(asked);
  answer.body.on('error', () => undefined);
  return answer;
};

async function* terminalBatches(body: Readable): AsyncGenerator<readonly LogEntry[]> {
  for await (const chunk of body) yield [{ stream: 'stdout', bytes: chunk as Buffer }];
}

async function* frameBatches(body: Readable, where: string): AsyncGenerator<readonly LogEntry[]> {
  const parser = new EntryParser();
  for await (const chunk of body) {
    const entries = parser.push(chunk as Buffer);
    if (entries.length > 0) yield entries;
  }
  if (!parser.atBoundary) throw connectionCut(where);
}
