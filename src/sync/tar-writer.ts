import { Readable } from 'node:stream';
import { type Header, type Pack, pack as createPack } from 'tar-stream';
import type { Owner } from './deployment.js';

const BEYOND_PERMISSIONS = 0o10000;
const LATEST_MS = (2 ** 31 - 1) * 1000;

export type TarHeader = Partial<Header> & { readonly name: string };

/** Writes entries one after the other; every write waits until the reader of `stream` has room for more, and fails when it has gone. */
export class TarWriter {
  private readonly tar: Pack = createPack();

  /** `prefix` comes before every name: '' or ends in `/`. */
  constructor(
    private readonly owner: Owner,
    private readonly prefix: string,
  ) {}

  /** The tar that `write` writes. */
  stream(write: () => Promise<void>): Readable {
    write().then(
      () => this.tar.finalize(),
      (error: unknown) => this.tar.destroy(error instanceof Error ? error : new Error(String(error))),
    );
    return Readable.from(this.tar, { objectMode: false });
  }

  entry(header: TarHeader, bytes?: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error?: Error | null): void => (error ? reject(error) : resolve());
      const full = this.completed(header);
      const sink =
        bytes === undefined
          ? this.tar.entry(full, done)
          : this.tar.entry({ ...full, size: bytes.length }, bytes, done);
      // `done` says the same, but an error event that nobody listens to would end the process.
      sink.once('error', reject);
    });
  }

  /** The pieces have to be as long together as the header says. */
  async streamedEntry(header: TarHeader, pieces: AsyncIterable<Buffer>): Promise<void> {
    const sink = this.tar.entry(this.completed(header));
    const cut = new Promise<never>((_, reject) => {
      sink.once('error', reject).once('close', () => reject(new Error('the archive was closed')));
    });
    // After the last wait nobody has to hear of it.
    cut.catch(() => undefined);
    const next = (event: 'drain' | 'finish'): Promise<void> =>
      Promise.race([new Promise<void>((resolve) => void sink.once(event, () => resolve())), cut]);
    for await (const piece of pieces) if (!sink.write(piece)) await next('drain');
    const taken = next('finish');
    sink.end(undefined);
    await taken;
  }

  /** tar-stream takes mode 0 for none at all, and masks away a bit beyond the permissions. */
  private completed({ mode, linkname, ...header }: TarHeader): TarHeader {
    const isPath = header.type === 'link' && typeof linkname === 'string';
    const target = isPath ? `${this.prefix}${linkname}` : linkname;
    return {
      ...header,
      ...this.owner,
      name: `${this.prefix}${header.name}`,
      ...(target === undefined ? {} : { linkname: target }),
      ...(mode === undefined ? {} : { mode: mode | BEYOND_PERMISSIONS }),
    };
  }
}

/** What a tar can say of a time: tar-stream counts its seconds in 32 bits. */
export const tarTime = (ms: number): Date => new Date(Math.min(Math.max(ms, 0), LATEST_MS));
