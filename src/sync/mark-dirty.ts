import { buffer } from 'node:stream/consumers';
import type { Container, Engine } from '../transport/engine.js';
import { DIRTY, STATE_LINK } from './commit-stage.js';
import type { Owner } from './deployment.js';
import { unlessRefused } from './state-token.js';
import { TarWriter } from './tar-writer.js';

export interface DirtyPlace {
  readonly engine: Engine;
  readonly container: Container;
  readonly destination: string;
  readonly owner: Owner;
  readonly signal: AbortSignal;
}

/**
 * Takes its token from a container, which may run or not: whoever remembers that one asks what is there. Where the engine refuses to write, as in
 * a folder that is not there or a file system that is read-only, no sync has left one.
 */
export async function markDirty({
  engine,
  container,
  destination,
  owner,
  signal,
}: DirtyPlace): Promise<void> {
  const tar = new TarWriter(owner, '');
  const link = { name: STATE_LINK, type: 'symlink', linkname: DIRTY } as const;
  const archive = await buffer(tar.stream(() => tar.entry(link)));
  await unlessRefused(engine.putArchive(container.id, destination, archive, signal));
}
