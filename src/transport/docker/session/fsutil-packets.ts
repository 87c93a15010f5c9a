import Pbf from 'pbf';
import type { OfferedEntry } from '../../../build/context/context-files.js';

/** `fsutil.types.Packet` (tonistiigi/fsutil `types/wire.proto`): 1 type, 2 stat, 3 ID, 4 data. */
const PACKET_TYPES = ['stat', 'request', 'data', 'finished', 'error'] as const;

/** What the receiver says; it sends no stats and no data. */
export interface Packet {
  readonly type: (typeof PACKET_TYPES)[number] | 'unknown';
  /** Of a request: the index of the stat whose content is wanted. */
  readonly id: number;
}

export function decodePacket(message: Uint8Array): Packet {
  const packet = { type: 0, id: 0 };
  new Pbf(message).readFields((tag, found, pbf) => {
    if (tag === 1) found.type = pbf.readVarint();
    else if (tag === 3) found.id = pbf.readVarint();
  }, packet);
  return { type: PACKET_TYPES[packet.type] ?? 'unknown', id: packet.id };
}

/** Without a stat it says that there are no more. */
export const statPacket = (entry?: OfferedEntry): Uint8Array => {
  const pbf = new Pbf();
  if (entry !== undefined) pbf.writeMessage(2, writeStat, entry);
  return pbf.finish();
};

/** Without data it says that the file ends here. */
export const dataPacket = (id: number, data?: Uint8Array): Uint8Array => {
  const pbf = typedPacket('data');
  pbf.writeVarintField(3, id);
  if (data !== undefined) pbf.writeBytesField(4, data);
  return pbf.finish();
};

export const finishedPacket = (): Uint8Array => typedPacket('finished').finish();

function typedPacket(type: (typeof PACKET_TYPES)[number]): Pbf {
  const pbf = new Pbf();
  pbf.writeVarintField(1, PACKET_TYPES.indexOf(type));
  return pbf;
}

/** `fsutil.types.Stat` (`types/stat.proto`): 1 path, 2 mode, 5 size, 6 mod_time, 7 linkname; the owner, root, is the default. */
function writeStat(entry: OfferedEntry, pbf: Pbf): void {
  pbf.writeStringField(1, entry.path);
  pbf.writeVarintField(2, goFileMode(entry));
  const sizeBytes = sizeOf(entry);
  if (sizeBytes > 0) pbf.writeVarintField(5, sizeBytes);
  pbf.writeTag(6, VARINT);
  writeInt64(pbf, entry.mtimeNs);
  if (entry.type === 'symlink') pbf.writeBytesField(7, entry.target);
}

/** As lstat gives it. */
function sizeOf(entry: OfferedEntry): number {
  if (entry.type === 'file') return entry.sizeBytes;
  return entry.type === 'symlink' ? entry.target.length : 0;
}

/** Protobuf's wire type. */
const VARINT = 0;

/** Go's `os.FileMode` keeps the permissions where they are and everything else in bits of its own. */
const GO_TYPE = { file: 0, folder: 2 ** 31, symlink: 2 ** 27 } as const;
const GO_SETUID = 2 ** 23;
const GO_SETGID = 2 ** 22;
const GO_STICKY = 2 ** 20;

function goFileMode({ type, mode }: OfferedEntry): number {
  // Linux knows no other mode of a link: with one, the receiver would make it anew every time.
  if (type === 'symlink') return GO_TYPE.symlink + 0o777;
  const special =
    (mode & 0o4000 ? GO_SETUID : 0) + (mode & 0o2000 ? GO_SETGID : 0) + (mode & 0o1000 ? GO_STICKY : 0);
  return GO_TYPE[type] + special + (mode & 0o777);
}

/** Pbf writes numbers, which are exact to 2^53 only: three months after 1970 in nanoseconds. */
function writeInt64(pbf: Pbf, value: bigint): void {
  pbf.realloc(10);
  let rest = BigInt.asUintN(64, value);
  while (rest > 0x7fn) {
    pbf.buf[pbf.pos++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  pbf.buf[pbf.pos++] = Number(rest);
}
