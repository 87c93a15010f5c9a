import { describe, expect, it } from 'vitest';
import { LineReader } from '../../../src/logs/line-reader.js';
import { at, entry, texts } from './lines.js';

const PIECE = 'x'.repeat(16 * 1024);

describe('the lines of a container without a terminal', () => {
  it('are whole although the engine cuts them, with the time of their first piece', () => {
    const reader = new LineReader('app', true);
    reader.open(false);
    expect(reader.read([entry(`${at(1)} ${PIECE}`)])).toEqual([]);
    const [line] = reader.read([entry(`${at(2)} error\n`, 'stderr'), entry(`${at(3)} end\n`)]).slice(1);
    expect(line).toMatchObject({ time: at(1), bytes: Buffer.from(`${PIECE}end\n`) });
  });

  it('keep a character that two pieces share', () => {
    const reader = new LineReader('app', false);
    reader.open(false);
    const euro = Buffer.from('€\n');
    expect(reader.read([entry(euro.subarray(0, 1))])).toEqual([]);
    expect(texts(reader.read([entry(euro.subarray(1))]))).toEqual(['€\n']);
  });

  it('keep the beginning of a line while the log is opened anew', () => {
    const reader = new LineReader('app', true);
    reader.open(false);
    reader.read([entry(`${at(1)} begun, `)]);
    reader.open(false);
    expect(texts(reader.read([entry(`${at(1)} ended\n`)]))).toEqual(['begun, ended\n']);
  });

  it('come without an end when the log has none', () => {
    const reader = new LineReader('app', false);
    reader.open(false);
    reader.read([entry('begun')]);
    expect(texts(reader.rest())).toEqual(['begun']);
    expect(reader.rest()).toEqual([]);
  });

  it('are handed on in parts of a megabyte when they never end', () => {
    const reader = new LineReader('app', false);
    reader.open(false);
    const lines = Array.from({ length: 65 }, () => reader.read([entry(PIECE)])).flat();
    expect(lines.map(({ bytes }) => bytes.length)).toEqual([1024 * 1024]);
  });

  it('may be words of the engine itself, which have no time and are shown once', () => {
    const times: string[] = [];
    const reader = new LineReader('app', true, (_, time) => times.push(time) > 0);
    const words = 'Error grabbing logs: unexpected EOF\n';
    reader.open(false);
    const lines = reader.read([entry(`${at(1)} begun, `, 'stderr'), entry(words, 'stderr')]);
    reader.open(false);
    lines.push(...reader.read([entry(words, 'stderr'), entry(`${at(2)} ended\n`, 'stderr')]));
    expect(texts(lines)).toEqual([words, 'begun, ended\n']);
    expect(lines.map(({ time }) => time)).toEqual(['', at(1)]);
    expect(times).toEqual([at(1), at(2)]);
  });

  it('have times in UTC whatever the engine keeps', () => {
    const reader = new LineReader('app', true);
    reader.open(false);
    const [line] = reader.read([entry('2026-01-01T01:00:01.000000007+01:00 a\n')]);
    expect(line).toMatchObject({ time: '2026-01-01T00:00:01.000000007Z', bytes: Buffer.from('a\n') });
  });
});

describe('the lines of a container with a terminal', () => {
  it.each([1, 7, 1_000, 100_000])('are found in pieces of %i bytes', (size) => {
    const long = `${at(1)} ${PIECE}${at(2)} ${PIECE}${at(3)} end\r\n`;
    const stream = Buffer.from(`${at(0)} ü\r\n${long}${at(4)} last\r\n`);
    const reader = new LineReader('app', true);
    reader.open(true);
    const lines = [];
    for (let start = 0; start < stream.length; start += size)
      lines.push(...reader.read([entry(stream.subarray(start, start + size))]));
    expect(texts(lines)).toEqual(['ü\r\n', `${PIECE}${PIECE}end\r\n`, 'last\r\n']);
    expect(lines.map(({ time }) => time)).toEqual([at(0), at(1), at(4)]);
  });

  it('may be longer than a piece with an engine that does not cut them', () => {
    const reader = new LineReader('app', true);
    reader.open(true);
    expect(texts(reader.read([entry(`${at(1)} ${PIECE}${PIECE}\n`)]))).toEqual([`${PIECE}${PIECE}\n`]);
  });
});
