import type { Duplex, Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { connectionCut } from '../connection-error.js';
import type { ExecSession } from '../engine.js';
import { ExecInput } from './exec-input.js';
import { OutputStreams } from './output-streams.js';

/** What `GET /exec/{id}/json` tells. */
interface ExecState {
  readonly running: boolean;
  readonly exitCode: number;
}

export interface ExecControl {
  state(): Promise<ExecState>;
  resize(columns: number, rows: number): Promise<void>;
}

/** The engine closes the stream a moment before it books the exit; longer than this, and the stream was cut by something else. */
const BOOKING_DELAYS_MS = [0, 5, 10, 20, 50, 100, 200, 400, 800, 1_600];

/** An exec whose input and outputs share one hijacked connection. */
export class HijackedExec implements ExecSession {
  readonly stdin: ExecInput;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exitCode: Promise<number>;
  private readonly outputs: OutputStreams;

  constructor(
    private readonly connection: Duplex,
    private readonly control: ExecControl,
    private readonly options: { terminal: boolean; where: string; signal: AbortSignal | undefined },
  ) {
    const { terminal, where, signal } = options;
    this.stdin = new ExecInput(connection, terminal);
    this.outputs = new OutputStreams(connection, !terminal, where);
    this.stdout = this.outputs.stdout;
    this.stderr = this.outputs.stderr;
    signal?.addEventListener('abort', this.onAbort, { once: true });
    this.exitCode = this.finish();
    // Whoever reads only the outputs learns of a failure from them.
    this.exitCode.catch(() => undefined);
  }

  resize(columns: number, rows: number): Promise<void> {
    return this.control.resize(columns, rows);
  }

  private readonly onAbort = () => this.outputs.fail(this.options.signal?.reason as Error);

  private async finish(): Promise<number> {
    try {
      await this.outputs.fill();
      this.options.signal?.throwIfAborted();
      this.stdin.release();
      return await this.bookedExitCode();
    } catch (error) {
      this.stdin.destroy(error as Error);
      throw error;
    } finally {
      this.options.signal?.removeEventListener('abort', this.onAbort);
      this.connection.destroy();
    }
  }

  private async bookedExitCode(): Promise<number> {
    for (const delayMs of BOOKING_DELAYS_MS) {
      if (delayMs > 0)
        await delay(delayMs, undefined, this.options.signal ? { signal: this.options.signal } : {});
      const state = await this.control.state();
      if (!state.running) return state.exitCode;
    }
    throw connectionCut(`${this.options.where} while the command was running`);
  }
}
