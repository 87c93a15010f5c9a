import { posix } from 'node:path';
import { accepted, hasControlCharacter, type Parsed, quoted, refused } from './parsed.js';

export interface VolumeMapping {
  /** An absolute path on the device, or the name of a volume. */
  readonly source: string;
  /** Absolute path in the container. */
  readonly target: string;
  /** As the engine takes them after the second colon: `ro`, `rshared` ... */
  readonly options: readonly string[];
}

const VOLUME_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const OPTIONS = new Set(['ro', 'rw', 'z', 'Z', 'nocopy']);
const PROPAGATION = /^r?(shared|slave|private)$/;

/** `source:target[:options]`, as in `docker run -v`; without a source a new container would lose the data, so it is asked for. */
export function parseVolume(text: string): Parsed<VolumeMapping> {
  const [source = '', target, options, ...rest] = text.split(':');
  if (target === undefined || rest.length > 0)
    return refused(`must be source:target[:ro], not ${quoted(text)}`);
  if (hasControlCharacter(text)) return refused(`contains a control character: ${quoted(text)}`);
  if (!source.startsWith('/') && !VOLUME_NAME.test(source)) {
    return refused(
      `must begin with an absolute path on the device or a volume's name, not ${quoted(source)}`,
    );
  }
  if (!target.startsWith('/') || posix.normalize(target) === '/') {
    return refused(`must name an absolute path in the container other than /, not ${quoted(target)}`);
  }
  const words = options === undefined ? [] : options.split(',');
  const unknown = words.find((word) => !OPTIONS.has(word) && !PROPAGATION.test(word));
  return unknown === undefined
    ? accepted({ source, target, options: words })
    : refused(`has the unknown option ${quoted(unknown)}`);
}
