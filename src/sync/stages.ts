import type { Readable } from 'node:stream';
import { RdtError } from '../errors.js';
import type { Engine } from '../transport/engine.js';
import { runScript, type ScriptResult } from './container-script.js';
import { OTHER_BASE_STATUS, STAGE_SCRIPT, STALE_STATUS } from './stage-script.js';

export type StageMode = 'strict' | 'lenient';

/** Arguments of the stage script; see there. */
export interface Stage {
  readonly folder: string;
  readonly id: string;
  readonly token: string;
  readonly mode: StageMode;
  /** The state that the folder must have now; '' for any. */
  readonly expected: string;
  /** What the container has to copy for it without a word. */
  readonly copiedBytes: number;
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
  /** Engine errors as those of `Engine.exec`; an aborted signal rejects with its reason. */
  run(stage: Stage, archive: Readable, signal: AbortSignal): Promise<StageResult>;
}

/** A program for each stage. */
export class ExecStages implements Stages {
  readonly channel = 'script';

  constructor(
    private readonly engine: Engine,
    private readonly container: string,
  ) {}

  async run(stage: Stage, archive: Readable, signal: AbortSignal): Promise<StageResult> {
    const { folder, token, mode, id } = stage;
    // Nobody else commits while a push holds the app's lock: no state is expected.
    const args = [folder, token, mode, '', id];
    const result = await runScript(this.engine, this.container, STAGE_SCRIPT, args, archive, signal);
    return result.kind === 'failed' ? failureOf(result.status, result.errors) : result;
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
