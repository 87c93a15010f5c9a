/**
 * Why not tar-stream: it takes names as strings, which loses those that are not UTF-8, wraps times after 2038, and hands over four
 * chunks for each file, which made packing 1,000 small files slower than a device unpacks them.
 * The format is POSIX.1-1988 ustar with POSIX.1-2001 extended (`pax`) records, as pax(1) describes them.
 */
const TAR_BLOCK_BYTES = 512;

/** Two empty blocks end a tar. */
export const TAR_END = Buffer.alloc(2 * TAR_BLOCK_BYTES);

/** What eleven octal digits can hold: 8 GiB - 1. */
const LARGEST_OCTAL_SIZE = 0o77777777777;
const LARGEST_OCTAL_ID = 0o7777777;
const LONGEST_NAME_BYTES = 100;

const TYPE_FLAGS = { file: '0', link: '1', symlink: '2', folder: '5', pax: 'x' } as const;

export interface TarFields {
  readonly type: 'file' | 'link' | 'symlink' | 'folder';
  readonly name: Buffer;
  /** Of a link or a symlink; empty for anything else. */
  readonly linkTarget: Buffer;
  /** Permission bits (07777). */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSeconds: number;
  /** Of the content that follows. */
  readonly sizeBytes: number;
}

/** The header blocks of an entry; its content must follow, filled up to a whole block. */
export function encodeTarHeader(fields: TarFields): Buffer {
  const records = paxRecords(fields);
  if (records.length === 0) return headerBlock(fields, TYPE_FLAGS[fields.type]);
  return Buffer.concat([
    headerBlock(paxFields(fields, records.length), TYPE_FLAGS.pax),
    padded(records),
    headerBlock(fields, TYPE_FLAGS[fields.type]),
  ]);
}

/** How many bytes fill the last block of content of this size. */
export const paddingBytes = (sizeBytes: number): number =>
  (TAR_BLOCK_BYTES - (sizeBytes % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES;

const paxFields = (fields: TarFields, sizeBytes: number): TarFields => ({
  ...fields,
  name: Buffer.from('PaxHeader'),
  linkTarget: Buffer.alloc(0),
  sizeBytes,
});

/** Everything that the plain header has no room for. */
function paxRecords(fields: TarFields): Buffer {
  const records: Buffer[] = [];
  if (needsRecord(fields.name)) records.push(paxRecord('path', fields.name));
  if (needsRecord(fields.linkTarget)) records.push(paxRecord('linkpath', fields.linkTarget));
  if (fields.sizeBytes > LARGEST_OCTAL_SIZE) records.push(paxRecord('size', digits(fields.sizeBytes)));
  if (fields.uid > LARGEST_OCTAL_ID) records.push(paxRecord('uid', digits(fields.uid)));
  if (fields.gid > LARGEST_OCTAL_ID) records.push(paxRecord('gid', digits(fields.gid)));
  if (!fitsOctal(fields.mtimeSeconds)) records.push(paxRecord('mtime', digits(fields.mtimeSeconds)));
  return Buffer.concat(records);
}

const needsRecord = (name: Buffer): boolean =>
  name.length > LONGEST_NAME_BYTES || name.some((byte) => byte > 0x7e || byte < 0x20);

const fitsOctal = (value: number): boolean => value >= 0 && value <= LARGEST_OCTAL_SIZE;

const digits = (value: number): Buffer => Buffer.from(String(Math.floor(value)));

/** `<length> <key>=<value>\n`, where the length counts its own digits. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length + String(rest.length).length;
  if (String(length).length > String(rest.length).length) length = rest.length + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

const padded = (content: Buffer): Buffer =>
  Buffer.concat([content, Buffer.alloc(paddingBytes(content.length))]);

function headerBlock(fields: TarFields, typeFlag: string): Buffer {
  const block = Buffer.alloc(TAR_BLOCK_BYTES);
  fields.name.copy(block, 0, 0, LONGEST_NAME_BYTES);
  writeOctal(block, 100, 8, fields.mode);
  writeOctal(block, 108, 8, fields.uid > LARGEST_OCTAL_ID ? 0 : fields.uid);
  writeOctal(block, 116, 8, fields.gid > LARGEST_OCTAL_ID ? 0 : fields.gid);
  writeOctal(block, 124, 12, fields.sizeBytes > LARGEST_OCTAL_SIZE ? 0 : fields.sizeBytes);
  writeOctal(block, 136, 12, fitsOctal(fields.mtimeSeconds) ? Math.floor(fields.mtimeSeconds) : 0);
  block.write(typeFlag, 156, 'latin1');
  fields.linkTarget.copy(block, 157, 0, LONGEST_NAME_BYTES);
  block.write('ustar\u000000', 257, 'latin1');
  writeChecksum(block);
  return block;
}

/** Octal digits that fill the field but for its last byte, which stays NUL. */
function writeOctal(block: Buffer, offset: number, widthBytes: number, value: number): void {
  block.write(value.toString(8).padStart(widthBytes - 1, '0'), offset, 'latin1');
}

/** The sum of all bytes, with spaces in the place of the checksum itself. */
function writeChecksum(block: Buffer): void {
  block.fill(' ', 148, 156);
  let sum = 0;
  for (let at = 0; at < block.length; at++) sum += block[at] ?? 0;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}
