import { stripVTControlCharacters } from 'node:util';

/** One line of a log; pieces of a long one are put together again. */
export interface LogLine {
  /** Name of the container, or of the unit whose line it is in the device's journal. */
  readonly app: string;
  readonly stream: 'stdout' | 'stderr' | 'journal';
  /** RFC 3339 with nanoseconds in UTC, so that texts compare as times do; '' when it was not asked for. */
  readonly time: string;
  /** As the app printed it, with its line feed. Without one it is the part of a line that is still going on. */
  readonly bytes: Buffer;
}

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

export const isWhole = ({ bytes }: LogLine): boolean => bytes[bytes.length - 1] === LINE_FEED;

/** The bytes without the end of the line. */
export function content({ bytes }: LogLine): Buffer {
  let end = bytes.length;
  if (bytes[end - 1] === LINE_FEED) end -= 1;
  if (bytes[end - 1] === CARRIAGE_RETURN) end -= 1;
  return bytes.subarray(0, end);
}

/** What a person reads: for `--grep`, which colours must not keep from finding a word. */
export const plainText = (line: LogLine): string => stripVTControlCharacters(content(line).toString());
