import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { LogEvent } from '../../../src/logs/log-event.js';
import type { LogLine } from '../../../src/logs/log-line.js';
import type { Runtime } from '../../../src/runtime.js';
import { createLogView, type LogViewOptions } from '../../../src/ui/log-view.js';
import { at } from '../logs/lines.js';

const PLAIN: LogViewOptions = { json: false, timestamps: false, raw: false, color: true };
const ESC = '\u001b';

interface Screen {
  readonly terminal?: boolean;
  readonly env?: Runtime['env'];
  readonly signal?: AbortSignal;
  readonly highWaterMark?: number;
}

class Outputs {
  readonly stdout: Runtime['stdout'] & PassThrough;
  readonly stderr: Runtime['stderr'] & PassThrough;
  readonly runtime: Runtime;

  constructor({ terminal = false, env = {}, signal, highWaterMark = 1_000_000 }: Screen = {}) {
    this.stdout = Object.assign(new PassThrough({ highWaterMark }), { isTTY: terminal });
    this.stderr = Object.assign(new PassThrough({ highWaterMark }), { isTTY: terminal });
    this.runtime = {
      env,
      cwd: '/',
      platform: 'linux',
      stdin: new PassThrough(),
      stdout: this.stdout,
      stderr: this.stderr,
      signal: signal ?? new AbortController().signal,
      clock: { monotonicMs: () => 0, wallMs: () => 0, sleep: () => Promise.resolve() },
    };
  }

  get shown(): { out: string; err: string } {
    return { out: textOf(this.stdout), err: textOf(this.stderr) };
  }
}

const bytesOf = (stream: PassThrough): Buffer => (stream.read() as Buffer | null) ?? Buffer.alloc(0);
const textOf = (stream: PassThrough): string => bytesOf(stream).toString();

const line = (text: string | Buffer, changes: Partial<LogLine> = {}): LogLine => ({
  app: 'web',
  stream: 'stdout',
  time: at(1),
  bytes: Buffer.from(text),
  ...changes,
});

async function shown(
  lines: readonly LogLine[],
  {
    apps = ['web'],
    screen = {},
    ...options
  }: Partial<LogViewOptions> & { apps?: string[]; screen?: Screen } = {},
): Promise<{ out: string; err: string }> {
  const outputs = new Outputs(screen);
  const view = createLogView(outputs.runtime, { ...PLAIN, ...options });
  view.begin('kitchen', apps);
  await view.show(lines);
  return outputs.shown;
}

describe('into a pipe', () => {
  it('each output goes to its own, byte for byte', async () => {
    const bytes = Buffer.from([0xff, 0x1b, 0x5b, 0x32, 0x4a, 0x00, 0x0d, 0x0a]);
    const outputs = new Outputs();
    const view = createLogView(outputs.runtime, PLAIN);
    view.begin('kitchen', ['web']);
    await view.show([line(bytes), line('oops\n', { stream: 'stderr' }), line('no end')]);
    expect(bytesOf(outputs.stdout)).toEqual(Buffer.concat([bytes, Buffer.from('no end')]));
    expect(textOf(outputs.stderr)).toBe('oops\n');
  });

  it('a line that goes on does not swallow what comes before the next one', async () => {
    const lines = [line('half'), line('whole\n', { app: 'db' })];
    expect((await shown(lines, { apps: ['web', 'db'] })).out).toBe('web | half\ndb  | whole\n');
  });

  it('there are no colours', async () => {
    const lines = [line('one\n'), line('two\n', { app: 'db' })];
    expect((await shown(lines, { apps: ['web', 'db'] })).out).not.toContain(ESC);
  });

  it('it says whether times are needed, and puts them before the line', async () => {
    const { runtime } = new Outputs();
    expect(createLogView(runtime, PLAIN).needsTimes).toBe(false);
    expect(createLogView(runtime, { ...PLAIN, timestamps: true }).needsTimes).toBe(true);
    expect(createLogView(runtime, { ...PLAIN, json: true }).needsTimes).toBe(true);
    expect((await shown([line('one\n')], { timestamps: true })).out).toBe(`${at(1)} one\n`);
  });

  it('a line of the journal has its time and its unit before it', async () => {
    const entry = line('Started.\n', { app: 'systemd', stream: 'journal' });
    expect((await shown([entry], { apps: [] })).out).toBe(`${at(1)} systemd: Started.\n`);
  });

  it('--json is one object a line on stdout, whatever the app printed', async () => {
    const lines = [line('a "b"\t\u001b[31mred\r\n'), line('oops\n', { stream: 'stderr', app: 'db' })];
    const { out, err } = await shown(lines, { json: true, apps: ['web', 'db'] });
    expect(err).toBe('');
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((row) => JSON.parse(row) as unknown),
    ).toEqual([
      { device: 'kitchen', app: 'web', stream: 'stdout', time: at(1), text: 'a "b"\t\u001b[31mred' },
      { device: 'kitchen', app: 'db', stream: 'stderr', time: at(1), text: 'oops' },
    ]);
  });
});

describe('on a terminal', () => {
  const screen = { terminal: true };
  const HARMFUL = `${ESC}[2J${ESC}]0;title\u0007${ESC}[31mred${ESC}[0m\u009b5m\u0007\u202e${ESC}P1$r${ESC}\\ end\n`;

  it('control sequences of the app do nothing', async () => {
    const { out } = await shown([line(HARMFUL), line(ESC), line('\u0008\u0008x\n')], { screen });
    expect(out).not.toMatch(/[^\P{Cc}\n]/u);
    expect(out).not.toMatch(/\p{Cf}/u);
    expect(out).toContain('red');
    expect(out).toContain(' end\n');
  });

  it('neither do they in --json, which means the same as in a pipe', async () => {
    const text = `${HARMFUL}\u{e0041}`.trimEnd();
    const { out } = await shown([line(`${text}\n`)], { screen, json: true });
    expect(out).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
    expect(JSON.parse(out)).toMatchObject({ text });
  });

  it('neither does a name that holds some', async () => {
    const apps = [`w${ESC}[2Jeb`, 'db'];
    const { out } = await shown([line('hello\n', { app: apps[0] ?? '' })], { apps, screen, color: false });
    expect(out).not.toContain(ESC);
  });

  it('of a progress bar only the last state is shown', async () => {
    expect((await shown([line('10 %\r50 %\r100 %\r\n')], { screen })).out).toBe('100 %\n');
  });

  it('--raw passes everything on', async () => {
    expect((await shown([line(HARMFUL)], { screen, raw: true })).out).toBe(HARMFUL);
  });

  it('each app has a colour of its own, and keeps it when another one comes', async () => {
    const outputs = new Outputs(screen);
    const view = createLogView(outputs.runtime, PLAIN);
    view.begin('kitchen', ['web', 'db']);
    await view.show([line('1\n'), line('2\n', { app: 'db' })]);
    const [web = '', db = ''] = outputs.shown.out.split('\n').map(colourOf);
    expect(web).not.toBe(db);
    view.begin('kitchen', ['web', 'db', 'another']);
    await view.show([line('3\n'), line('4\n', { app: 'another' })]);
    const rows = outputs.shown.out.split('\n');
    expect(rows[0]).toContain('web     | ');
    expect(rows.slice(0, 2).map(colourOf)).toEqual([web, expect.not.stringMatching(`^(${web}|${db})$`)]);
  });

  it.each([
    ['--no-color', { color: false }, {}],
    ['NO_COLOR', {}, { NO_COLOR: '1' }],
    ['a terminal that has none', {}, { TERM: 'dumb' }],
  ])('there are no colours with %s', async (_, options, env) => {
    const { out } = await shown([line('1\n')], {
      apps: ['web', 'db'],
      screen: { ...screen, env },
      ...options,
    });
    expect(out).toBe('web | 1\n');
  });

  it.each([
    ['--no-color', { color: false }, {}],
    ['NO_COLOR', {}, { NO_COLOR: '1' }],
  ])('what happens to a log is not painted either with %s', (_, options, env) => {
    const outputs = new Outputs({ ...screen, env });
    createLogView(outputs.runtime, { ...PLAIN, ...options }).note({ type: 'restarted', app: 'web' });
    expect(outputs.shown.err).toBe('rdt: web was restarted\n');
  });
});

describe('what happens to a log', () => {
  it.each<[LogEvent, string]>([
    [{ type: 'joined', app: 'web' }, 'web is new'],
    [{ type: 'restarted', app: 'web' }, 'web was restarted'],
    [{ type: 'recreated', app: 'web' }, 'web was replaced by a new container'],
    [{ type: 'stopped', app: 'web', exitCode: 3 }, 'web has stopped with exit code 3'],
    [{ type: 'removed', app: 'web' }, 'web was removed'],
    [{ type: 'unreadable', app: 'web' }, 'keeps no log of web'],
    [{ type: 'connection-lost', reason: 'cut' }, 'lost the connection to kitchen'],
  ])('%j is one line on stderr', (event, words) => {
    const outputs = new Outputs();
    const view = createLogView(outputs.runtime, PLAIN);
    view.begin('kitchen', ['web']);
    view.note(event);
    const { out, err } = outputs.shown;
    expect(out).toBe('');
    expect(err).toMatch(/^rdt: [^\n]*\n$/);
    expect(err).toContain(words);
  });
});

describe('a reader that does not read', () => {
  it('is waited for', async () => {
    const outputs = new Outputs({ highWaterMark: 4 });
    const view = createLogView(outputs.runtime, PLAIN);
    let isShown = false;
    const showing = view.show([line('more than four\n')]).then(() => (isShown = true));
    await new Promise(setImmediate);
    expect(isShown).toBe(false);
    outputs.stdout.resume();
    await showing;
  });

  it('is not waited for after Ctrl-C', async () => {
    const abort = new AbortController();
    const outputs = new Outputs({ highWaterMark: 4, signal: abort.signal });
    const showing = createLogView(outputs.runtime, PLAIN).show([line('more than four\n')]);
    abort.abort(new Error('enough'));
    await expect(showing).rejects.toMatchObject({ cause: abort.signal.reason as Error });
  });
});

/** The first control sequence of a row. */
const colourOf = (row: string): string => new RegExp(`^${ESC}\\[(\\d+)m`).exec(row)?.[1] ?? '';
