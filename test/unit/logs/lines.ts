import type { LogLine } from '../../../src/logs/log-line.js';
import type { LogEntry } from '../../../src/transport/engine.js';

/** `2026-01-01T00:00:01.000000000Z` for 1. */
export const at = (seconds: number): string =>
  `${new Date(Date.UTC(2026, 0, 1) + seconds * 1_000).toISOString().replace('Z', '')}000000Z`;

export const entry = (text: string | Buffer, stream: LogEntry['stream'] = 'stdout'): LogEntry => ({
  stream,
  bytes: Buffer.from(text),
});

export const line = (app: string, seconds: number): LogLine => ({
  app,
  stream: 'stdout',
  time: at(seconds),
  bytes: Buffer.from(`${app} ${seconds}\n`),
});

export const texts = (lines: readonly LogLine[]): string[] => lines.map(({ bytes }) => bytes.toString());
