import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { RdtError } from '../errors.js';
import { statIfThere } from '../sync/file-content.js';
import { unreadable } from '../sync/list-folder.js';
import type { Findings } from './tree-look.js';

/** What a look that was believed has found. */
interface Believed {
  readonly place: string | undefined;
  readonly isEmpty: boolean;
  readonly hasDockerfile: boolean;
}

/**
 * The folder that the source leads to. It is another one after an unmount, or when one above it was exchanged: no event tells of that,
 * and what is there then need not be what the user means.
 */
export class SourcePlace {
  /** Undefined as long as the source leads nowhere. */
  private seen: string | undefined;
  private believed: Believed | undefined;

  constructor(private readonly source: string) {}

  /** Whether the source leads elsewhere than it was last seen to. Costs one stat. */
  get hasMoved(): boolean {
    return placeOf(this.source) !== this.seen;
  }

  /** Takes notice of where the source leads now; true when that is elsewhere. */
  see(): boolean {
    const before = this.seen;
    this.seen = placeOf(this.source);
    return this.seen !== before;
  }

  /** @throws RdtError when what was found looks as if the source has gone: it lost all it had, or is another folder that cannot be built. */
  believe(findings: Findings): void {
    const { source, believed, seen } = this;
    const isEmpty = this.isEmptyIn(findings);
    const hasDockerfile = statIfThere(join(source, 'Dockerfile')) !== undefined;
    if (believed?.isEmpty === false && isEmpty) throw gone(`there is nothing in ${source} any more`);
    if (believed?.hasDockerfile === true && !hasDockerfile && believed.place !== seen)
      throw gone(`${source} is another folder now, without a Dockerfile`);
    this.believed = { place: seen, isEmpty, hasDockerfile };
  }

  /** Ignored files are something too. */
  private isEmptyIn({ folders }: Findings): boolean {
    const listing = folders.get('')?.listing;
    if (listing === undefined) return this.believed?.isEmpty === true;
    return listing.paths.length === 0 && isEmptyFolder(this.source);
  }
}

/** Tells a folder from all others that are there at the same time, by whatever links and mounts a path leads to it. */
function placeOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path);
    return `${dev} ${ino}`;
  } catch {
    // The walk says why.
    return undefined;
  }
}

function isEmptyFolder(source: string): boolean {
  try {
    return readdirSync(source).length === 0;
  } catch (error) {
    throw unreadable(source, '', error);
  }
}

const gone = (message: string): RdtError =>
  new RdtError(message, {
    hint: 'Nothing was deleted from the app. rdt goes on by itself when the folder is back: was it unmounted?',
  });
