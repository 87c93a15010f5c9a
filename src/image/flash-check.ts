import type { BlockReader } from './block-device.js';
import type { Partition } from './partition.js';
import { readPartitionTable } from './partition-table.js';

/** A partitioned (or bare FAT) disk image, or what the bytes are instead. */
export type ImageJudgement =
  | { readonly kind: 'image'; readonly leastSizeBytes: number }
  | { readonly kind: 'truncated'; readonly leastSizeBytes: number; readonly partition: number }
  | { readonly kind: 'not-an-image'; readonly what: string };

interface Signature {
  readonly what: string;
  readonly offset: number;
  readonly bytes: string;
}

/** In latin1. Only what people download by mistake; whatever is missing here still fails for having no partition table. */
const SIGNATURES: readonly Signature[] = [
  { what: 'a 7z archive', offset: 0, bytes: '7z\xbc\xaf\x27\x1c' },
  { what: 'a RAR archive', offset: 0, bytes: 'Rar!\x1a\x07' },
  { what: 'a tar archive', offset: 257, bytes: 'ustar' },
  { what: 'an lz4 file', offset: 0, bytes: '\x04\x22\x4d\x18' },
  { what: 'an lzip file', offset: 0, bytes: 'LZIP' },
  { what: 'a Debian package or ar archive', offset: 0, bytes: '!<arch>' },
  { what: 'a qcow2 disk of a virtual machine', offset: 0, bytes: 'QFI\xfb' },
  { what: 'a VMDK disk of a virtual machine', offset: 0, bytes: 'KDMV' },
  { what: 'a VHDX disk of a virtual machine', offset: 0, bytes: 'vhdxfile' },
  { what: 'an Android sparse image', offset: 0, bytes: '\x3a\xff\x26\xed' },
  { what: 'a bare squashfs file system', offset: 0, bytes: 'hsqs' },
  { what: 'a program (ELF)', offset: 0, bytes: '\x7fELF' },
  { what: 'a Windows program', offset: 0, bytes: 'MZ' },
  { what: 'a PDF', offset: 0, bytes: '%PDF' },
];
const ISO_9660: Signature = { what: '', offset: 32769, bytes: 'CD001' };
const EXT_MAGIC: Signature = { what: '', offset: 1080, bytes: '\x53\xef' };
/** FAT12/16 and FAT32 keep their name at these places of the boot sector. */
const FAT_NAMES: readonly Signature[] = [
  { what: '', offset: 54, bytes: 'FAT' },
  { what: '', offset: 82, bytes: 'FAT32' },
];

/**
 * Judges an image by its first bytes (`head`), by all of it where `reader` can reach further, and by its size where that is known.
 * Throws the `RdtError` of `readPartitionTable` when a GPT is damaged.
 */
export async function judgeImage(
  head: Buffer,
  reader: BlockReader,
  sizeBytes: number | undefined,
): Promise<ImageJudgement> {
  if (head.length === 0) return { kind: 'not-an-image', what: 'empty' };
  if (sizeBytes !== undefined && sizeBytes < 512) return { kind: 'not-an-image', what: describeBytes(head) };
  const table = await readPartitionTable(reader);
  if (table.partitions.length === 0) return judgeWithoutPartitions(head, table.kind);
  const last = lastOf(table.partitions);
  const leastSizeBytes = last.offset + last.sizeBytes;
  if (sizeBytes !== undefined && sizeBytes < leastSizeBytes) {
    return { kind: 'truncated', leastSizeBytes, partition: last.number };
  }
  return { kind: 'image', leastSizeBytes };
}

const lastOf = (partitions: readonly Partition[]): Partition =>
  partitions.reduce((last, next) =>
    next.offset + next.sizeBytes > last.offset + last.sizeBytes ? next : last,
  );

function judgeWithoutPartitions(head: Buffer, kind: 'mbr' | 'gpt' | 'none'): ImageJudgement {
  if (FAT_NAMES.some((name) => matches(head, name))) return { kind: 'image', leastSizeBytes: 0 };
  if (kind === 'none' || matches(head, ISO_9660)) return { kind: 'not-an-image', what: describeBytes(head) };
  return {
    kind: 'not-an-image',
    what: 'an image with an empty partition table (as those for the Intel Edison, which is flashed by its own tool)',
  };
}

/** What these bytes are, with an article: `a 7z archive`. */
export function describeBytes(head: Buffer): string {
  const known = SIGNATURES.find((signature) => matches(head, signature));
  if (known !== undefined) return known.what;
  if (matches(head, ISO_9660)) return 'an ISO without a partition table (it would boot from a CD only)';
  if (matches(head, EXT_MAGIC)) return 'a bare ext file system without a partition table';
  if (/^\s*<(!doctype html|html)/i.test(head.toString('latin1', 0, 256))) return 'a web page';
  if (isText(head.subarray(0, 4096))) return 'a text file';
  if (head.every((byte) => byte === 0)) return 'nothing but zeros at its start';
  return 'no disk image: it has no partition table';
}

const matches = (head: Buffer, signature: Signature): boolean =>
  head.toString('latin1', signature.offset, signature.offset + signature.bytes.length) === signature.bytes;

/** Printable ASCII, white space, or bytes of UTF-8 sequences; no NUL and no control characters. */
const isText = (bytes: Buffer): boolean =>
  bytes.length > 0 && bytes.every((byte) => byte >= 32 || (byte >= 9 && byte <= 13) || byte === 27);
