import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { styleText } from 'node:util';
import { printable, UNPRINTABLE } from '../discovery/printable.js';
import type { LogEvent } from '../logs/log-event.js';
import { content, isWhole, type LogLine } from '../logs/log-line.js';
import type { LogView } from '../logs/log-view.js';
import type { Runtime } from '../runtime.js';
import { shownLine } from './program-output.js';
import { styleFor } from './style.js';
import { displayWidth } from './text-width.js';

export interface LogViewOptions {
  readonly json: boolean;
  readonly timestamps: boolean;
  /** Hand control sequences to a terminal as they are. */
  readonly raw: boolean;
  readonly color: boolean;
  /** A prefix before each line even when there is one app only. */
  readonly prefix?: boolean;
}

const COLOURS = [
  'cyan',
  'yellow',
  'green',
  'magenta',
  'blue',
  'cyanBright',
  'yellowBright',
  'magentaBright',
] as const;

type Output = Runtime['stdout'];
/** What a line becomes on one output. */
type Render = (line: LogLine) => string | Buffer;

/** Lines to stdout and stderr as the app wrote them, events to stderr. */
export function createLogView(runtime: Runtime, options: LogViewOptions): LogView {
  return new StreamView(runtime, options);
}

class StreamView implements LogView {
  readonly needsTimes: boolean;
  private device = '';
  private prefixes: ReadonlyMap<string, Record<'stdout' | 'stderr', string>> = new Map();

  constructor(
    private readonly runtime: Runtime,
    private readonly options: LogViewOptions,
  ) {
    this.needsTimes = options.json || options.timestamps;
  }

  begin(device: string, apps: readonly string[]): void {
    this.device = device;
    if (apps.length > 1 || this.options.prefix === true) this.prefixes = this.prefixesOf(apps);
  }

  /** Lines that go to the same output are written at once. */
  async show(lines: readonly LogLine[]): Promise<void> {
    let start = 0;
    while (start < lines.length) {
      const output = this.outputOf(lines[start]);
      let end = start + 1;
      while (end < lines.length && this.outputOf(lines[end]) === output) end += 1;
      await this.write(output, lines.slice(start, end));
      start = end;
    }
  }

  note(event: LogEvent): void {
    const { stderr, env } = this.runtime;
    const text = `rdt: ${sentence(event, this.device)}`;
    stderr.write(`${this.options.color ? styleFor(stderr, env).dim(text) : text}\n`);
  }

  private outputOf(line: LogLine | undefined): Output {
    return line?.stream === 'stderr' && !this.options.json ? this.runtime.stderr : this.runtime.stdout;
  }

  private async write(output: Output, lines: readonly LogLine[]): Promise<void> {
    const render = this.renderFor(output);
    const pieces = lines.map(render);
    const chunk = pieces.every((piece) => typeof piece === 'string') ? pieces.join('') : joined(pieces);
    if (chunk.length === 0 || output.write(chunk)) return;
    await room(output, this.runtime.signal);
  }

  private renderFor(output: Output): Render {
    const isForTerminal = output.isTTY === true && !this.options.raw;
    if (this.options.json) return (line) => `${this.jsonOf(line, isForTerminal)}\n`;
    if (isForTerminal) return (line) => this.forTerminal(line, output);
    return (line) => {
      const before = this.before(line, output);
      return before === '' ? line.bytes : Buffer.concat([Buffer.from(before), line.bytes, ...this.end(line)]);
    };
  }

  private forTerminal(line: LogLine, output: Output): string {
    return `${this.before(line, output)}${shownLine(content(line).toString())}\n`;
  }

  /** What follows a line must not go on in it when it has something of its own before it. */
  private end(line: LogLine): Buffer[] {
    return isWhole(line) ? [] : [Buffer.from('\n')];
  }

  private before({ app, time, stream }: LogLine, output: Output): string {
    const prefix = this.prefixes.get(app)?.[output === this.runtime.stderr ? 'stderr' : 'stdout'] ?? '';
    // A line of the journal says little without its time and its unit.
    if (stream === 'journal') return `${time} ${printable(app)}: `;
    return this.options.timestamps ? `${prefix}${time} ` : prefix;
  }

  private jsonOf(line: LogLine, isForTerminal: boolean): string {
    const { app, stream, time } = line;
    const json = JSON.stringify({ device: this.device, app, stream, time, text: content(line).toString() });
    // JSON itself leaves some controls as they are.
    return isForTerminal ? json.replace(UNPRINTABLE, escapedInJson) : json;
  }

  private prefixesOf(apps: readonly string[]): ReadonlyMap<string, Record<'stdout' | 'stderr', string>> {
    const width = Math.max(...apps.map((app) => displayWidth(printable(app))));
    const { stdout, stderr } = this.runtime;
    const entries = apps.map((app, index) => {
      const name = printable(app);
      const text = `${name}${' '.repeat(width - displayWidth(name))} | `;
      return [
        app,
        { stdout: this.paint(stdout, text, index), stderr: this.paint(stderr, text, index) },
      ] as const;
    });
    return new Map(entries);
  }

  private paint(output: Output, text: string, index: number): string {
    const colour = COLOURS[index % COLOURS.length];
    const wanted = this.options.color && output.isTTY === true && (this.runtime.env['NO_COLOR'] ?? '') === '';
    if (!wanted || colour === undefined || this.runtime.env['TERM'] === 'dumb') return text;
    return styleText(colour, text, { validateStream: false });
  }
}

/** Means the same to whoever reads the JSON. */
const escapedInJson = (character: string): string =>
  character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');

const joined = (pieces: readonly (string | Buffer)[]): Buffer =>
  Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece)));

async function room(output: Writable, signal: AbortSignal): Promise<void> {
  await once(output, 'drain', { signal });
}

function sentence(event: LogEvent, device: string): string {
  switch (event.type) {
    case 'joined':
      return `${printable(event.app)} is new; its log is shown as well`;
    case 'restarted':
      return `${printable(event.app)} was restarted`;
    case 'recreated':
      return `${printable(event.app)} was replaced by a new container`;
    case 'stopped':
      return `${printable(event.app)} has stopped with exit code ${event.exitCode}; its log goes on when it is started (Ctrl-C ends)`;
    case 'removed':
      return `${printable(event.app)} was removed; its log goes on when there is a new one (Ctrl-C ends)`;
    case 'unreadable':
      return `the engine keeps no log of ${printable(event.app)} that can be read`;
    case 'connection-lost':
      return `lost the connection to ${printable(device)}; the log goes on when it is back, with nothing left out (Ctrl-C ends)`;
  }
}
