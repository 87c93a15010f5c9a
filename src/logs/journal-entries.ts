import type { Readable } from 'node:stream';
import type { LogLine } from './log-line.js';

export interface JournalEntry {
  /** Where journalctl can go on after this entry. */
  readonly cursor: string;
  /** One for each line of the message. */
  readonly lines: readonly LogLine[];
}

const LINE_FEED = 10;
/** Who wrote an entry, the most telling first: the engine calls containers by their ids in the next one. */
const NAMES = ['CONTAINER_NAME', 'SYSLOG_IDENTIFIER', '_COMM', '_SYSTEMD_UNIT'] as const;

/** The entries of `journalctl --output=json`, which prints one object a line. What is not one is left out. */
export async function* journalEntries(stdout: Readable): AsyncGenerator<readonly JournalEntry[]> {
  let pending: Buffer = Buffer.alloc(0);
  for await (const chunk of stdout) {
    const bytes = pending.length === 0 ? (chunk as Buffer) : Buffer.concat([pending, chunk as Buffer]);
    const end = bytes.lastIndexOf(LINE_FEED) + 1;
    pending = bytes.subarray(end);
    const texts = bytes.toString('utf8', 0, end).split('\n');
    yield texts.map(entryOf).filter((entry) => entry !== undefined);
  }
}

function entryOf(text: string): JournalEntry | undefined {
  const fields = fieldsOf(text);
  const cursor = fields?.['__CURSOR'];
  if (fields === undefined || typeof cursor !== 'string') return undefined;
  const app = NAMES.map((name) => bytesOf(fields[name]).toString()).find((name) => name !== '');
  const time = timeOf(fields['__REALTIME_TIMESTAMP']);
  const message = bytesOf(fields['MESSAGE']).toString().replace(/\n$/, '');
  const lines = message.split('\n').map((line) => Buffer.from(`${line}\n`));
  return { cursor, lines: lines.map((bytes) => ({ app: app ?? 'journal', stream: 'journal', time, bytes })) };
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    // The last line of a journalctl that was killed.
    return undefined;
  }
}

/** A field that is no UTF-8 comes as a list of its bytes, one that was given twice as a list of both. */
function bytesOf(value: unknown): Buffer {
  if (typeof value === 'string') return Buffer.from(value);
  if (!Array.isArray(value)) return Buffer.alloc(0);
  const items: readonly unknown[] = value;
  if (items.every((item) => typeof item === 'number')) return Buffer.from(items);
  return bytesOf(items.find((item) => typeof item === 'string'));
}

/** Up to the year 2286. The device says it, and it is shown as it is. */
const MICROSECONDS = /^\d{1,16}$/;

function timeOf(microseconds: unknown): string {
  const text = typeof microseconds === 'string' && MICROSECONDS.test(microseconds) ? microseconds : '0';
  const ms = Number(text.slice(0, -3));
  return `${new Date(ms).toISOString().slice(0, 19)}.${text.slice(-6).padStart(6, '0')}000Z`;
}
