import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { noAnswer } from '../transport/connection-error.js';
import type { ExecSession } from '../transport/engine.js';
import { SilenceWatch } from '../transport/silence-watch.js';
import { AS_ROOT } from './container-script.js';
import { gzipLevel } from './gzip-level.js';
import type { Commit } from './commit-request.js';
import { ARRIVED, STAGE_LOOP_SCRIPT, UNFIT_STATUS } from './stage-script.js';
import { failureOf, type Stage, type StageResult, type Stages } from './stages.js';

/** A stage that says nothing for so long is not waited for any more: a paused container, a pulled cable. */
const SILENCE_MS = 15_000;
/** The slowest of memory cards. */
const COPIED_BYTES_PER_MS = 1_000;
/** A program runs in the container for anything that is compressed. */
const PLAIN_BYTES = 16 << 10;
const compress = promisify(gzip);
const READY = /(?:^|\n)rdt:ready (gzip|plain)\n$/;
/** Exit codes of a shell that is not there. */
const NO_SHELL: readonly number[] = [126, 127];

export type StartedLoop =
  | { readonly kind: 'ready'; readonly loop: StageLoop }
  | { readonly kind: 'no-shell' }
  /** There is a shell, but not all programs that the loop needs. */
  | { readonly kind: 'unfit' }
  /** The container, or the connection, ended while the shell was starting. */
  | { readonly kind: 'ended' };

export interface LoopPlace extends Pick<Commit, 'engine' | 'container' | 'compress'> {
  /** Those that stages can name. */
  readonly folders: readonly string[];
}

interface LoopOptions {
  /** For messages. */
  readonly where: string;
  readonly folders: readonly string[];
}

/** A shell that stays in the container and carries out stage after stage: no program has to be started by the engine for one. */
export class StageLoop implements Stages {
  readonly channel = 'warm';
  /** Resolves when the shell has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** Of long archives; undefined where they go plain. */
  private gzipLevel: number | undefined;
  private output = '';
  private isOver = false;
  private wake: () => void = () => undefined;

  private constructor(
    private readonly session: ExecSession,
    private readonly closing: AbortController,
    private readonly options: LoopOptions,
  ) {
    this.ended = this.listen();
  }

  /** Rejects as `Engine.exec`. */
  static async start(
    { engine, container, compress, folders }: LoopPlace,
    signal: AbortSignal,
  ): Promise<StartedLoop> {
    const closing = new AbortController();
    const argv = ['sh', '-c', STAGE_LOOP_SCRIPT, 'sh', ...folders];
    const ending = AbortSignal.any([signal, closing.signal]);
    const level = compress ? await gzipLevel(engine, signal) : undefined;
    const where = engine.description;
    // The app may take its own working directory away; a shell in there would not start.
    const session = await engine.exec(container.id, { argv, ...AS_ROOT }, ending);
    const loop = new StageLoop(session, closing, { where, folders });
    const ready = await loop.said(READY, signal, SILENCE_MS);
    if (ready === undefined) return { kind: endOf(await session.exitCode.catch(() => undefined)) };
    if (ready[1] === 'gzip') loop.gzipLevel = level;
    return { kind: 'ready', loop };
  }

  get isAlive(): boolean {
    return !this.isOver;
  }

  async run(stage: Stage, pack: () => Readable, signal: AbortSignal): Promise<StageResult> {
    const bytes = await buffer(pack());
    signal.throwIfAborted();
    const level = bytes.length > PLAIN_BYTES ? this.gzipLevel : undefined;
    const body = level === undefined ? bytes : await compress(bytes, { level });
    this.output = '';
    const header = headerOf(stage, this.options.folders, body.length, level === undefined ? 'plain' : 'gzip');
    this.session.stdin.write(Buffer.concat([header, body]));
    const silenceMs = SILENCE_MS + stage.copiedBytes / COPIED_BYTES_PER_MS;
    const arrived = `rdt:${stage.id}:${ARRIVED}\n`;
    let hasArrived = false;
    const words = new RegExp(`(?:^|\\n)rdt:${stage.id}:(\\d+)\\n$`);
    const end = await this.said(words, signal, silenceMs, () => {
      if (hasArrived || !this.output.includes(arrived)) return;
      hasArrived = true;
      stage.onArrived?.();
    });
    if (end === undefined) return { kind: 'lost', cause: this.closing.signal.reason };
    const status = Number(end[1]);
    const output = `${this.output.slice(0, end.index)}\n`.replace(arrived, '');
    return status === 0 ? { kind: 'done', output } : failureOf(status, output.trim());
  }

  /** Waits for words of the shell; undefined when it ends, or is silent for too long. Ends the shell when the signal is aborted. */
  private async said(
    words: RegExp,
    signal: AbortSignal,
    silenceMs: number,
    onOutput: () => void = () => undefined,
  ): Promise<RegExpExecArray | undefined> {
    const close = (): void => this.closing.abort(signal.reason);
    const silence = new SilenceWatch(silenceMs, () =>
      this.closing.abort(noAnswer(this.options.where, silenceMs)),
    );
    signal.addEventListener('abort', close, { once: true });
    try {
      for (;;) {
        onOutput();
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
    // Its end says why; what it says later is of no use.
    exitCode.catch((error: unknown) => this.closing.abort(error));
    stderr.resume();
    stdout.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
      this.wake();
    });
    await new Promise<void>((resolve) => stdout.once('close', resolve));
    this.isOver = true;
    this.wake();
  }
}

function endOf(exitCode: number | undefined): 'no-shell' | 'unfit' | 'ended' {
  if (exitCode === UNFIT_STATUS) return 'unfit';
  return exitCode !== undefined && NO_SHELL.includes(exitCode) ? 'no-shell' : 'ended';
}

/** See `STAGE_LOOP_SCRIPT`. */
function headerOf(
  { folder, id, token, mode, expected }: Stage,
  folders: readonly string[],
  bytes: number,
  packing: 'plain' | 'gzip',
): Buffer {
  const number = folders.indexOf(folder) + 1;
  if (number === 0) throw new Error(`${folder} is no folder of this channel`);
  const words = [id, number, token || '-', mode, expected || '-', bytes, packing];
  return Buffer.from(`${words.join(' ')}\n`);
}
