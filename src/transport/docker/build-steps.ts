import { StringDecoder } from 'node:string_decoder';
import type { BuildStep, EmitBuildEvent, OutputStream } from '../../build/build-event.js';
import { FAILURE_OUTPUT_LINES } from '../../build/image-builder.js';

/** A line that never ends (a progress bar, binary output) is cut here, so that memory stays bounded. */
const LONGEST_LINE_CHARACTERS = 16 * 1024;

/**
 * The steps of one build, under the builder's own keys. Turns what a builder tells, which may come twice or late, into
 * events that come once and in order.
 */
export class BuildSteps {
  private readonly states = new Map<string, StepState>();

  constructor(private readonly emit: EmitBuildEvent) {}

  /** Does nothing for a step that has started. */
  start(key: string, name: string, kind: BuildStep['kind']): void {
    if (this.states.has(key)) return;
    const step = { number: this.states.size + 1, name: oneLine(name), kind };
    this.states.set(key, new StepState(step));
    this.emit({ type: 'step-started', step });
  }

  output(key: string, stream: OutputStream, bytes: Uint8Array): void {
    const state = this.states.get(key);
    if (state === undefined) return;
    for (const line of state.lines(stream, bytes)) this.line(state, stream, line);
  }

  progress(key: string, item: string, doneBytes: number, totalBytes: number): void {
    const state = this.states.get(key);
    if (state === undefined || state.ended) return;
    this.emit({ type: 'step-progress', step: state.step, item, doneBytes, totalBytes });
  }

  finish(key: string, cached: boolean): void {
    const step = this.end(key);
    if (step !== undefined) this.emit({ type: 'step-finished', step, cached });
  }

  fail(key: string): void {
    const step = this.end(key);
    if (step !== undefined) this.emit({ type: 'step-failed', step });
  }

  stepOf(key: string | undefined): BuildStep | undefined {
    return key === undefined ? undefined : this.states.get(key)?.step;
  }

  lastLinesOf(key: string | undefined): readonly string[] {
    return key === undefined ? [] : (this.states.get(key)?.lastLines ?? []);
  }

  private line(state: StepState, stream: OutputStream, line: string): void {
    state.remember(line);
    this.emit({ type: 'output', step: state.step, stream, line });
  }

  /** Undefined when there is no such step, or it has ended before. */
  private end(key: string): BuildStep | undefined {
    const state = this.states.get(key);
    if (state === undefined || state.ended) return undefined;
    for (const stream of ['stdout', 'stderr'] as const) {
      const rest = state.rest(stream);
      if (rest !== '') this.line(state, stream, rest);
    }
    state.ended = true;
    return state.step;
  }
}

class StepState {
  ended = false;
  readonly lastLines: string[] = [];
  private readonly open = { stdout: new OpenLine(), stderr: new OpenLine() };

  constructor(readonly step: BuildStep) {}

  lines(stream: OutputStream, bytes: Uint8Array): string[] {
    return this.open[stream].add(bytes);
  }

  rest(stream: OutputStream): string {
    return this.open[stream].takeRest();
  }

  remember(line: string): void {
    this.lastLines.push(line);
    if (this.lastLines.length > FAILURE_OUTPUT_LINES) this.lastLines.shift();
  }
}

/** Joins pieces of output, which may be cut anywhere, even within a character, to whole lines. */
class OpenLine {
  private readonly decoder = new StringDecoder('utf8');
  private text = '';

  add(bytes: Uint8Array): string[] {
    const lines = (this.text + this.decoder.write(Buffer.from(bytes))).split('\n');
    this.text = lines.pop() ?? '';
    if (this.text.length > LONGEST_LINE_CHARACTERS) {
      lines.push(this.text);
      this.text = '';
    }
    return lines.map((line) => line.replace(/\r$/, ''));
  }

  takeRest(): string {
    const rest = this.text + this.decoder.end();
    this.text = '';
    return rest;
  }
}

/** The classic builder keeps the line breaks of a heredoc in a step's name. */
const oneLine = (name: string): string => name.trim().replace(/\s*\n\s*/g, ' ');
