import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { BuildEvent, BuildStep } from '../../../src/build/build-event.js';
import { createBuildView } from '../../../src/ui/build-view.js';

const ESCAPE = '\u001b';
const CURSOR_UP = new RegExp(`^${ESCAPE}\\[(\\d+)A$`);
const TOKENS = new RegExp(`${ESCAPE}\\[\\d*[A-Zm]|\\n|[^${ESCAPE}\\n]+`, 'g');
const COLOUR = new RegExp(`${ESCAPE}\\[\\d+m`);

class Screen extends Writable {
  written = '';
  columns = 40;

  constructor(readonly isTTY: boolean) {
    super();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written += chunk.toString();
    done();
  }

  /** What a person sees in the end: cursor movements carried out, colours left away. */
  get shown(): string[] {
    let lines: string[] = [''];
    for (const [token] of this.written.matchAll(TOKENS)) {
      const up = CURSOR_UP.exec(token)?.[1];
      if (up !== undefined) lines = [...lines.slice(0, lines.length - 1 - Number(up)), ''];
      else if (token === '\n') lines.push('');
      else if (!token.startsWith(ESCAPE)) lines.push(`${lines.pop() ?? ''}${token}`);
    }
    return lines.slice(0, -1);
  }
}

/** Time passes only when somebody waits. */
function stage(options: { isTTY: boolean; env?: Record<string, string> }) {
  let nowMs = 0;
  let wake: (() => void) | undefined;
  const screen = new Screen(options.isTTY);
  const clock = {
    monotonicMs: () => nowMs,
    wallMs: () => nowMs,
    sleep: (_ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        wake = resolve;
        signal?.addEventListener('abort', () => reject(signal.reason as Error));
      }),
  };
  const view = createBuildView({ stderr: screen, env: options.env ?? {}, clock });
  const show = (...events: BuildEvent[]): void => events.forEach(view);
  const pass = async (ms: number): Promise<void> => {
    nowMs += ms;
    wake?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { screen, show, pass };
}

const step = (number: number, name: string): BuildStep => ({ number, name, kind: 'instruction' });
const copy = step(1, '[2/3] COPY . .');
const run = step(2, '[3/3] RUN npm ci');
const prepare: BuildStep = { number: 3, name: 'exporting to image', kind: 'preparation' };
const line = (text: string, of = run): BuildEvent => ({
  type: 'output',
  step: of,
  stream: 'stdout',
  line: text,
});

describe('a build that is shown without a terminal', () => {
  it('is one line for every thing that happened, with the number of its step', async () => {
    const { screen, show, pass } = stage({ isTTY: false });
    show({ type: 'context-sent', sentBytes: 0, totalBytes: 4_200_000 });
    show({ type: 'context-sent', sentBytes: 4_200_000, totalBytes: 4_200_000 });
    show({ type: 'step-started', step: copy }, { type: 'step-finished', step: copy, cached: true });
    show({ type: 'step-started', step: run }, line('added 7 packages'));
    show({ type: 'step-started', step: prepare }, { type: 'step-finished', step: prepare, cached: false });
    await pass(1500);
    show({ type: 'step-finished', step: run, cached: false });
    show({ type: 'built', imageId: 'sha256:abc', builder: 'buildkit' }, { type: 'ended' });
    expect(screen.shown).toEqual([
      'build context sent: 4.2 MB',
      '#1 [2/3] COPY . .',
      '#1 cached',
      '#2 [3/3] RUN npm ci',
      '#2   added 7 packages',
      '#2 done in 1.5 s',
      'built sha256:abc',
    ]);
  });

  it('mentions a slow upload now and then', async () => {
    const { screen, show, pass } = stage({ isTTY: false });
    for (let sentBytes = 0; sentBytes < 30e6; sentBytes += 1e6) {
      show({ type: 'context-sent', sentBytes, totalBytes: 30e6 });
      await pass(1000);
    }
    expect(screen.shown).toEqual([
      'build context: 10.0 MB of 30.0 MB sent',
      'build context: 20.0 MB of 30.0 MB sent',
    ]);
  });

  it('names a preparation that fails', () => {
    const { screen, show } = stage({ isTTY: false });
    show({ type: 'step-started', step: prepare }, { type: 'step-failed', step: prepare });
    expect(screen.shown).toEqual(['#3 exporting to image', '#3 failed after 0 ms']);
  });

  it('holds no control characters of the output', () => {
    const { screen, show } = stage({ isTTY: false });
    show({ type: 'step-started', step: run });
    show(
      line('\u001b[31mred\u001b[0m\u001b[2J\u001b]0;title\u0007'),
      line(' 10%\r 50%\r100%'),
      line('a\tb\u0008'),
    );
    expect(screen.written.split('\n').slice(1, -1)).toEqual([
      '#2   red',
      '#2   100%',
      '#2   a       b\\u{8}',
    ]);
  });
});

describe('a build on a terminal', () => {
  it('shows each running step with its time and its last lines, and takes them away in the end', async () => {
    const { screen, show, pass } = stage({ isTTY: true });
    show({ type: 'step-started', step: copy }, { type: 'step-started', step: run });
    show(...['1', '2', '3', '4', '5', '6'].map((text) => line(text)));
    await pass(2000);
    expect(screen.shown).toEqual([
      '  [2/3] COPY . .  2.0 s',
      '  [3/3] RUN npm ci  2.0 s',
      ...['3', '4', '5', '6'].map((text) => `      ${text}`),
    ]);
    show(
      { type: 'step-finished', step: copy, cached: true },
      { type: 'step-finished', step: run, cached: false },
    );
    show({ type: 'step-started', step: prepare }, { type: 'ended' });
    await pass(100);
    expect(screen.shown).toEqual(['✔ [2/3] COPY . .  cached', '✔ [3/3] RUN npm ci  2.0 s']);
  });

  it('shows how much of the context was sent', async () => {
    const { screen, show, pass } = stage({ isTTY: true });
    show({ type: 'context-sent', sentBytes: 1e6, totalBytes: 4e6 });
    await pass(100);
    expect(screen.shown).toEqual(['  sending the build context: 1.0 MB of…']);
    screen.columns = 80;
    await pass(100);
    expect(screen.shown).toEqual(['  sending the build context: 1.0 MB of 4.0 MB, 25 %']);
    show({ type: 'ended' });
  });

  it('shows how much of a base image was pulled', async () => {
    const { screen, show, pass } = stage({ isTTY: true });
    show({ type: 'step-started', step: run });
    show({ type: 'step-progress', step: run, item: 'a', doneBytes: 1e6, totalBytes: 2e6 });
    show({ type: 'step-progress', step: run, item: 'b', doneBytes: 2e6, totalBytes: 2e6 });
    await pass(1000);
    expect(screen.shown).toEqual(['  [3/3] RUN…  3.0 MB of 4.0 MB  1.0 s']);
    show({ type: 'ended' });
  });

  it('keeps all that a failed step has put out', async () => {
    const { screen, show, pass } = stage({ isTTY: true });
    show({ type: 'step-started', step: run });
    await pass(100);
    show(...['1', '2', '3', '4', '5', '6'].map((text) => line(text)));
    show({ type: 'step-failed', step: run }, { type: 'ended' });
    expect(screen.shown).toEqual([
      '✖ [3/3] RUN npm ci',
      ...['1', '2', '3', '4', '5', '6'].map((text) => `    ${text}`),
    ]);
  });

  it('never wraps a line, not with wide characters either', async () => {
    const { screen, show, pass } = stage({ isTTY: true });
    show({ type: 'step-started', step: run }, line('你好'.repeat(30)), line(`e\u0301`.repeat(60)));
    await pass(1000);
    expect(screen.shown[1]).toBe(`      ${'你好'.repeat(8)}…`);
    show({ type: 'ended' });
  });

  it('has colours, unless NO_COLOR is set', () => {
    const finish: BuildEvent[] = [
      { type: 'step-started', step: run },
      { type: 'step-finished', step: run, cached: true },
      { type: 'ended' },
    ];
    const plain = stage({ isTTY: true, env: { NO_COLOR: '1' } });
    plain.show(...finish);
    expect(plain.screen.written).not.toMatch(COLOUR);
    const coloured = stage({ isTTY: true });
    coloured.show(...finish);
    expect(coloured.screen.written).toMatch(COLOUR);
    const dumb = stage({ isTTY: true, env: { TERM: 'dumb' } });
    dumb.show(...finish);
    expect(dumb.screen.written).not.toContain('\u001b');
  });
});
