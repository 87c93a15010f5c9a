import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import type { Wiring } from '../../../src/commands/command-deps.js';
import { ExitCode, RdtError } from '../../../src/errors.js';
import { run } from '../../../src/run.js';
import type { Runtime } from '../../../src/runtime.js';
import { systemClock } from '../../../src/system-clock.js';
import { createLogView } from '../../../src/ui/log-view.js';
import { createPushView } from '../../../src/ui/push-view.js';
import { createWatchView } from '../../../src/ui/watch-view.js';

/** Sets the title of the terminal's window, and a colour; what a terminal would act on begins with an escape. */
const HOSTILE = '\u001b]0;owned\u0007\u001b[31mred';

/** What `act` leaves on a terminal. */
async function shown(act: (runtime: Runtime) => unknown): Promise<string> {
  const screen = Object.assign(new PassThrough(), { isTTY: true });
  const runtime = {
    stdin: new PassThrough(),
    stdout: screen,
    stderr: screen,
    env: { NO_COLOR: '1' },
    clock: systemClock,
    signal: new AbortController().signal,
    cwd: '/',
    platform: 'linux',
  } as unknown as Runtime;
  await act(runtime);
  return (await buffer(screen.end())).toString();
}

const failing = (error: RdtError) => (runtime: Runtime) =>
  run(['scan'], runtime, { discovery: () => Promise.reject(error) } as Partial<Wiring> as Wiring);

it('a failure is told without what a terminal would act on, line by line', async () => {
  const hint = `Its last lines were:\n${HOSTILE}\n\tindented`;
  const error = new RdtError(`the engine says ${HOSTILE}`, { hint, exitCode: ExitCode.appFailed });
  expect(await shown(failing(error))).toBe(
    'rdt: the engine says red\n  Its last lines were:\n  red\n          indented\n',
  );
});

it('so is what a push has to say', async () => {
  const told = await shown((runtime) => {
    const show = createPushView(runtime, { timing: false, showBuild: () => undefined });
    show({ type: 'warning', message: `unknown key '${HOSTILE}'` });
    show({ type: 'warning', message: 'a name\nwith a line of its own' });
    show({ type: 'rule-failed', command: 'migrate', message: HOSTILE });
  });
  expect(told).toBe(
    "warning: unknown key 'red'\nwarning: a name\\u{a}with a line of its own\nwarning: red: migrate\n",
  );
});

it('so is the output of a command in the container, however it is cut into pieces', async () => {
  const told = await shown((runtime) => {
    const show = createPushView(runtime, { timing: false, showBuild: () => undefined });
    const bytes = Buffer.from(`grün ${HOSTILE}\n50 %\r100 %\n`);
    for (const byte of bytes) show({ type: 'rule-output', stream: 'stdout', chunk: Buffer.of(byte) });
  });
  expect(told).not.toContain('\u001b');
  expect(told).toContain('grün');
});

it('so is what a watch has to say', async () => {
  const told = await shown((runtime) => {
    const log = createLogView(runtime, { json: false, timestamps: false, raw: false, color: false });
    const view = createWatchView(runtime, { timing: false, showPush: () => undefined, log });
    view.emit({ type: 'batch-failed', message: `tar: ${HOSTILE}`, hint: `1\n${HOSTILE}`, again: false });
  });
  expect(told).toBe('tar: red; nothing is lost, the next change tries again\n  1\n  red\n');
});
