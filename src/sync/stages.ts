import type { Readable } from 'node:stream';
import { RdtError } from '../errors.js';
import type { Engine } from '../transport/engine.js';
import { runScript, type ScriptResult } from './container-script.js';
import { STAGE_SCRIPT } from './stage-script.js';

export type StageMode = 'strict' | 'lenient';

/** Arguments of the stage script; see there. */
export interface Stage {
  readonly folder: string;
  readonly token: string;
  readonly mode: StageMode;
  /** The state that the folder must have now; '' for any. */
  readonly expected: string;
}

export type StageResult =
  | ScriptResult
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

  run(stage: Stage, archive: Readable, signal: AbortSignal): Promise<StageResult> {
    const { folder, token, mode } = stage;
    // Nobody else commits while a push of its own holds the app's lock.
    return runScript(this.engine, this.container, STAGE_SCRIPT, [folder, token, mode, ''], archive, signal);
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
