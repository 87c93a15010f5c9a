import type { Readable } from 'node:stream';
import { RdtError } from '../errors.js';
import type { Container, Engine } from '../transport/engine.js';
import { isNotRunning } from '../transport/engine-error.js';
import { gzipLevel, gzipped } from './gzip-level.js';
import { hasEnded, isEnding } from './container-end.js';
import { runScript, type ScriptResult } from './container-script.js';
import { NO_GZIP_STATUS, OTHER_BASE_STATUS, STAGE_SCRIPT, STALE_STATUS } from './stage-script.js';

export type StageMode = 'strict' | 'lenient';

/** Arguments of the stage script; see there. */
export interface Stage {
  readonly folder: string;
  readonly id: string;
  readonly token: string;
  readonly mode: StageMode;
  /** The state that the folder must have now, unless it has `token` already; '' for any. */
  readonly expected: string;
  /** What the container has to copy for it without a word. */
  readonly copiedBytes: number;
  /** Of the files in its archive, more or less. */
  readonly contentBytes: number;
  /** See `Commit`. */
  readonly onArrived?: (() => void) | undefined;
}

export type StageResult =
  | ScriptResult
  /** A file that was to be patched is not the one that we left. Nothing was changed. */
  | { readonly kind: 'other-base' }
  /** The folder has another state than the expected one. Nothing was changed. */
  | { readonly kind: 'stale' }
  /** The container ended, or the connection did: the stage may have been carried out or not. */
  | { readonly kind: 'lost'; readonly cause: unknown };

/** A way to carry out a commit archive by the script in a container, one after the other. */
export interface Stages {
  readonly channel: 'script' | 'warm';
  /** `pack` may be called twice, for the same archive. Engine errors as those of `Engine.exec`; an aborted signal rejects with its reason. */
  run(stage: Stage, pack: () => Readable, signal: AbortSignal): Promise<StageResult>;
}

/** Exit codes above tell of a signal. */
const SIGNALLED = 128;

/** Smaller archives go plain: a program runs for one that is compressed. */
const PLAIN_BYTES = 64 << 10;

export interface ExecPlace {
  readonly engine: Engine;
  /** As it was looked at last. */
  readonly container: Container;
  /** Where the link is worth it. */
  readonly compress: boolean;
}

/** A program for each stage. */
export class ExecStages implements Stages {
  readonly channel = 'script';

  constructor(private readonly place: ExecPlace) {}

  async run(stage: Stage, pack: () => Readable, signal: AbortSignal): Promise<StageResult> {
    const { engine, compress } = this.place;
    const isLong = compress && stage.contentBytes > PLAIN_BYTES;
    const level = isLong ? await gzipLevel(engine, signal) : undefined;
    if (level !== undefined) {
      const result = await this.runOnce(stage, 'gzip', gzipped(pack(), level), signal);
      if (result.kind !== 'failed' || result.status !== NO_GZIP_STATUS) return result;
    }
    return this.runOnce(stage, 'plain', pack(), signal);
  }

  private async runOnce(
    stage: Stage,
    packing: 'plain' | 'gzip',
    archive: Readable,
    signal: AbortSignal,
  ): Promise<StageResult> {
    const { engine, container } = this.place;
    const { folder, token, mode, expected, id } = stage;
    const args = [folder, token, mode, expected, id, packing];
    try {
      const result = await runScript(engine, container.id, STAGE_SCRIPT, args, archive, signal);
      if (result.kind === 'done') return result;
      // A script that was killed with its container, and one that could not be started in it any more, look like others that failed.
      const wasKilled = result.kind === 'failed' && result.status > SIGNALLED;
      if (wasKilled || (await hasEnded(engine, container, signal))) return { kind: 'lost', cause: result };
      if (result.kind === 'no-shell' && (await isEnding(engine, container, signal)))
        return { kind: 'lost', cause: result };
      return result.kind === 'failed' ? failureOf(result.status, result.errors) : result;
    } catch (error) {
      if (isNotRunning(error)) return { kind: 'lost', cause: error };
      throw error;
    }
  }
}

/** What a stage says by its exit code. */
export function failureOf(status: number, errors: string): StageResult {
  switch (status) {
    case STALE_STATUS:
      return { kind: 'stale' };
    case OTHER_BASE_STATUS:
      return { kind: 'other-base' };
    default:
      return { kind: 'failed', status, errors };
  }
}

/** Nobody knows how far the stage came. */
export class LostStage extends RdtError {
  constructor(cause: unknown) {
    super('the container ended, or was cut off, in the middle of a sync', {
      hint: 'No file is half-written, and the next push goes on from there.',
      cause,
    });
  }
}
