import { PassThrough } from 'node:stream';
import { EngineError, isMissing } from '../engine-error.js';
import type { ExecOptions, ExecSession } from '../engine.js';
import { type EngineCalls, inPath, jsonBody } from './engine-calls.js';
import { execRequest } from './exec-request.js';
import { type ExecControl, HijackedExec } from './exec-session.js';

interface Limits {
  readonly silenceMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Exit codes of a program that could not be started: not executable, not found. */
const COULD_NOT_START: readonly number[] = [126, 127];

/** Creates and starts an exec; see `Engine.exec`. */
export const openExec = async (
  calls: EngineCalls,
  container: string,
  options: ExecOptions,
  limits: Limits,
): Promise<ExecSession> => {
  const created = await calls.object({
    method: 'POST',
    path: `/containers/${inPath(container)}/exec`,
    ...jsonBody(execRequest(options, calls.http.apiVersion)),
    ...limits,
  });
  const exec = new StartedExec(calls, created.text('Id'), limits);
  try {
    return await exec.start(options);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return exec.sessionOfFailure(error);
  }
};

class StartedExec implements ExecControl {
  private readonly path: string;

  constructor(
    private readonly calls: EngineCalls,
    id: string,
    private readonly limits: Limits,
  ) {
    this.path = `/exec/${inPath(id)}`;
  }

  async start(options: ExecOptions): Promise<ExecSession> {
    const terminal = options.terminal !== undefined;
    const connection = await this.calls.http.upgrade({
      method: 'POST',
      path: `${this.path}/start`,
      ...jsonBody({ Detach: false, Tty: terminal }),
      ...this.limits,
    });
    const { http } = this.calls;
    const session = new HijackedExec(connection, this, {
      terminal,
      where: http.description,
      signal: this.limits.signal,
    });
    if (options.terminal !== undefined) await this.firstResize(options.terminal);
    return session;
  }

  /** Newer engines refuse to start what older ones start and see fail. */
  async sessionOfFailure(error: EngineError): Promise<ExecSession> {
    const { running, exitCode } = await this.state();
    if (running || !COULD_NOT_START.includes(exitCode)) throw error;
    const stderr = new PassThrough();
    stderr.end(`${error.message}\n`);
    return {
      stdin: new PassThrough().resume(),
      stdout: new PassThrough().end(),
      stderr,
      exitCode: Promise.resolve(exitCode),
      resize: () => Promise.resolve(),
    };
  }

  async state() {
    const asked = this.calls.object({ method: 'GET', path: `${this.path}/json`, ...this.limits });
    const answer = await asked.catch((error: unknown) => {
      // An engine forgets an exec when the container ends, also one that is started again.
      throw isMissing(error) ? new EngineError(409, 'the container ended', { cause: error }) : error;
    });
    return { running: answer.flag('Running'), exitCode: answer.number('ExitCode') };
  }

  async resize(columns: number, rows: number): Promise<void> {
    const query = { w: columns, h: rows };
    await this.calls.status({ method: 'POST', path: `${this.path}/resize`, query, ...this.limits });
  }

  private async firstResize({ columns, rows }: { columns: number; rows: number }): Promise<void> {
    try {
      await this.resize(columns, rows);
    } catch (error) {
      // The process may have ended already, or not be there yet: then the terminal keeps its default size.
      if (!(error instanceof EngineError)) throw error;
    }
  }
}
