import { describe, expect, it } from 'vitest';
import type { OfferedEntry } from '../../../src/build/context/context-files.js';
import {
  dataPacket,
  decodePacket,
  finishedPacket,
  statPacket,
} from '../../../src/transport/docker/session/fsutil-packets.js';
import { grpcFrame, GrpcFrames } from '../../../src/transport/docker/session/grpc-frames.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const file = {
  type: 'file',
  path: 'a',
  rawPath: undefined,
  mode: 0o644,
  mtimeSeconds: 1,
  sizeBytes: 3,
} as const;

describe('what an engine 20.10.24 says while it takes a context', () => {
  it.each([
    ['00000000020801', { type: 'request', id: 0 }],
    ['000000000408011803', { type: 'request', id: 3 }],
    ['00000000020803', { type: 'finished', id: 0 }],
  ])('%s is understood', (recorded, packet) => {
    const frames = new GrpcFrames().push(Buffer.from(recorded, 'hex'));
    expect(frames.map(decodePacket)).toEqual([packet]);
  });

  it('is understood whatever pieces it comes in', () => {
    const bytes = Buffer.from(`0000000002080100000000040801180300000000020803`, 'hex');
    const frames = new GrpcFrames();
    const messages = [...bytes].flatMap((byte) => frames.push(Buffer.of(byte)));
    expect(messages.map((message) => decodePacket(message).type)).toEqual(['request', 'request', 'finished']);
  });

  it('is refused when it is compressed, or longer than anything it has to say', () => {
    expect(() => new GrpcFrames().push(Buffer.from('0100000000', 'hex'))).toThrow('compressed');
    expect(() => new GrpcFrames().push(Buffer.from('00ffffffff', 'hex'))).toThrow('4294967295 bytes');
  });

  it('has no meaning for us when its type is a new one', () => {
    expect(decodePacket(Buffer.from('0809', 'hex')).type).toBe('unknown');
  });
});

describe('what the engine is told', () => {
  it('is the stat of a file, with a time that is exact to the nanosecond', () => {
    // 1 path, 2 mode 0644, 5 size, 6 time: 1 500 000 000.123 456 789 s.
    const stat = '0a016110a4032803' + '30959ac793d8c1c4e814';
    const entry = { ...file, mtimeNs: 1_500_000_000_123_456_789n };
    expect(hex(statPacket(entry))).toBe(`1212${stat}`);
  });

  it.each<[string, OfferedEntry, number]>([
    ['a folder', { ...file, type: 'folder', mtimeNs: 0n }, 2 ** 31 + 0o644],
    ['a sticky file', { ...file, mode: 0o1644, mtimeNs: 0n }, 2 ** 20 + 0o644],
    ['a setuid file', { ...file, mode: 0o4755, mtimeNs: 0n }, 2 ** 23 + 0o755],
    ['a setgid folder', { ...file, type: 'folder', mode: 0o2750, mtimeNs: 0n }, 2 ** 31 + 2 ** 22 + 0o750],
  ])('is the mode of %s in the bits of Go', (_what, entry, mode) => {
    expect(modeIn(statPacket(entry))).toBe(mode);
  });

  it('is the target of a link, with the size and mode that Linux gives links', () => {
    const target = Buffer.from('b');
    const link = { ...file, type: 'symlink', target, mtimeNs: 0n } as const;
    expect(modeIn(statPacket(link))).toBe(2 ** 27 + 0o777);
    expect(hex(statPacket(link))).toMatch(/280130003a0162$/);
  });

  it('is data, its end, and the end of everything', () => {
    expect(hex(dataPacket(3, Buffer.from('hi')))).toBe('0802180322026869');
    expect(hex(dataPacket(3))).toBe('08021803');
    expect(hex(statPacket())).toBe('');
    expect(hex(grpcFrame(finishedPacket()))).toBe('00000000020803');
  });

  it('is less than 60 bytes for a file of a project', () => {
    const entry = { ...file, path: 'src/components/button/button.ts', mtimeNs: 1_500_000_000_123_456_789n };
    expect(grpcFrame(statPacket(entry)).length).toBeLessThan(60 + 5);
  });
});

/** Field 2 of the stat, read by hand. */
function modeIn(packet: Uint8Array): number {
  let at = 2 + 3;
  expect(packet[at]).toBe(0x10);
  let mode = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = packet[++at] ?? 0;
    mode += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return mode;
  }
}
