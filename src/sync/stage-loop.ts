import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { noAnswer } from '../transport/connection-error.js';
import type { Engine, ExecSession } from '../transport/engine.js';
import { SilenceWatch } from '../transport/silence-watch.js';
import { STAGE_LOOP_SCRIPT, STALE_STATUS } from './stage-script.js';
import type { Stage, StageResult, Stages } from './stages.js';

/** A stage that says nothing for so long is not waited for any more: a paused container, a pulled cable. */
const SILENCE_MS = 15_000;
const READY = /(?:^|\n)rdt:ready\n$/;
/** Exit codes of a shell that is not there, or lacks a program. */
const NO_SHELL: readonly number[] = [126, 127];

export type StartedLoop =
  | { readonly kind: 'ready'; readonly loop: StageLoop }
  /** The container has no shell, or not all programs that the script needs. */
  | { readonly kind: 'no-shell' }
  /** The container, or the connection, ended while the shell was starting. */
  | { readonly kind: 'ended' };

/** A shell that stays in the container and carries out stage after stage: no program has to be started by the engine for one. */
export class StageLoop implements Stages, AsyncDisposable {
  readonly channel = 'warm';
  /** Resolves when the shell has ended, for whatever reason. */
  readonly ended: Promise<void>;
  private output = '';
  private isOver = false;
  private wake: () => void = () => undefined;
  private nextId = 1;

  private constructor(
    private readonly session: ExecSession,
    private readonly closing: AbortController,
    private readonly where: string,
    private readonly folders: readonly string[],
  ) {
    this.ended = this.listen();
  }

  /** `folders` are those that stages can name. Rejects as `Engine.exec`. */
  static async start(
    engine: Engine,
    container: string,
    folders: readonly string[],
    signal: AbortSignal,
  ): Promise<StartedLoop> {
    const closing = new AbortController();
    const argv = ['sh', '-c', STAGE_LOOP_SCRIPT, 'sh', ...folders];
    const ending = AbortSignal.any([signal, closing.signal]);
    const session = await engine.exec(container, { argv, user: '0:0' }, ending);
    const loop = new StageLoop(session, closing, engine.description, folders);
    if ((await loop.said(READY, signal)) !== undefined) return { kind: 'ready', loop };
    const exitCode = await session.exitCode.catch(() => undefined);
    return { kind: exitCode !== undefined && NO_SHELL.includes(exitCode) ? 'no-shell' : 'ended' };
  }

  get isAlive(): boolean {
    return !this.isOver;
  }

  async run(stage: Stage, archive: Readable, signal: AbortSignal): Promise<StageResult> {
    const bytes = await buffer(archive);
    signal.throwIfAborted();
    const id = this.nextId++;
    this.output = '';
    this.session.stdin.write(Buffer.concat([this.header(id, stage, bytes.length), bytes]));
    const end = await this.said(new RegExp(`(?:^|\\n)rdt:${id}:(\\d+)\\n$`), signal);
    if (end === undefined) return { kind: 'lost', cause: this.closing.signal.reason };
    return verdict(Number(end[1]), this.output.slice(0, end.index));
  }

  /** The shell sees the end of its input when it has nothing to do; what it is doing is cut. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.closing.abort(new Error('The channel was closed.'));
    await this.ended;
  }

  /** See `STAGE_LOOP_SCRIPT`. */
  private header(id: number, { folder, token, mode, expected }: Stage, bytes: number): Buffer {
    const number = this.folders.indexOf(folder) + 1;
    if (number === 0) throw new Error(`${folder} is no folder of this channel`);
    const words = [id, number, token || '-', mode, expected || '-', bytes, 'plain'];
    return Buffer.from(`${words.join(' ')}\n`);
  }

  /** Waits for words of the shell; undefined when it ends, or is silent for too long. Ends the shell when the signal is aborted. */
  private async said(words: RegExp, signal: AbortSignal): Promise<RegExpExecArray | undefined> {
    const close = (): void => this.closing.abort(signal.reason);
    const silence = new SilenceWatch(SILENCE_MS, () => this.closing.abort(noAnswer(this.where, SILENCE_MS)));
    signal.addEventListener('abort', close, { once: true });
    try {
      for (;;) {
        const found = words.exec(this.output);
        if (found !== null || this.isOver) return found ?? undefined;
        await new Promise<void>((resolve) => (this.wake = resolve));
        signal.throwIfAborted();
        silence.heard();
      }
    } finally {
      silence.stop();
      signal.removeEventListener('abort', close);
    }
  }

  private async listen(): Promise<void> {
    const { stdout, stderr, exitCode } = this.session;
    stderr.resume();
    stdout.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
      this.wake();
    });
    stdout.once('close', () => {
      this.isOver = true;
      this.wake();
    });
    await exitCode.catch((error: unknown) => this.closing.abort(error));
  }
}

function verdict(status: number, output: string): StageResult {
  switch (status) {
    case 0:
      return { kind: 'done', output };
    case STALE_STATUS:
      return { kind: 'stale' };
    default:
      return { kind: 'failed', status, errors: output.trim() };
  }
}
