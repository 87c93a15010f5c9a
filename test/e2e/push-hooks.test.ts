import { existsSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { commandLine } from '../testbed/command-line.js';
import { eventually } from '../testbed/eventually.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { HELLO, PushedApp } from './pushed-app.js';

const TELL = 'echo $RDT_APP_NAME $RDT_ACTION on $RDT_DEVICE in $(pwd)';

let device: VirtualDevice;
let app: PushedApp;
let edits = 0;

beforeAll(async () => {
  device = await VirtualDevice.up({ name: 'push-hooks', announce: false, images: ['busybox'] });
  app = new PushedApp(device, 'hooked', HELLO);
});
afterAll(async () => {
  app[Symbol.dispose]();
  await device.down();
});
beforeEach(() => app.write('greeting.txt', `edit ${++edits}`));

/** What the two commands of this push printed, in their order. */
async function told(...args: string[]): Promise<string[]> {
  const { stderr } = await app.push('--before', `${TELL} before`, '--after', `${TELL} after`, ...args);
  return stderr.split('\n').filter((line) => /^hooked .* on /.test(line));
}

const both = (before: string, after: string): string[] => [
  `hooked ${before} on ${device.address} in ${app.folder} before`,
  `hooked ${after} on ${device.address} in ${app.folder} after`,
];

it('before and after run in the source folder around a build, and are told what it is about', async () => {
  expect(await told()).toEqual(both('build', 'build'));
});

it('they run around a sync too', async () => {
  expect(await told()).toEqual(both('sync', 'sync'));
});

it('they are remembered, and run when there is nothing to do', async () => {
  await app.push();
  const { stderr } = await app.push();
  expect(stderr.split('\n').filter((line) => /^hooked .* on /.test(line))).toEqual(both('sync', 'none'));
});

it('an empty command runs none for once, and leaves the remembered one', async () => {
  const file = app.projectFile();
  const { stderr } = await app.push('--before', '', '--after', ' ');
  expect(stderr).not.toContain('hooked sync on');
  expect(app.projectFile()).toBe(file);
  app.write('.resin-sync.yml', file.replace(/^before:.*$/m, 'before: ""'));
  expect((await app.push()).stderr).not.toContain(' before\n');
});

it('what before makes is pushed', async () => {
  await app.push('--before', 'echo made > made.txt', '--after', 'true');
  expect(await app.exec('cat', 'made.txt')).toBe('made');
});

it('a before that makes a trigger anew calls for a build', async () => {
  const { stderr } = await app.push('--before', 'date +%N > package.json');
  expect(stderr).toContain('building hooked: package.json is new\n');
});

for (const how of ['sync', 'build'] as const) {
  const args = how === 'build' ? ['--force-build'] : [];

  it(`a failing before stops a ${how} ahead of any change`, async () => {
    const state = await app.state();
    const push = await app.tryPush('--before', 'echo checking; exit 4', '--after', 'touch never', ...args);
    expect(push.exitCode).toBe(1);
    expect(push.stderr).toContain('checking\n');
    expect(push.stderr).toContain('rdt: the before command ended with status 4: echo checking; exit 4\n');
    expect(await app.state()).toEqual(state);
    expect(await app.exec('cat', 'greeting.txt')).not.toBe(`edit ${edits}`);
    expect(existsSync(app.path('never'))).toBe(false);
    expect(app.projectFile()).not.toContain('exit 4');
  });

  it(`a failing after fails a ${how} that is done already`, async () => {
    const push = await app.tryPush('--before', 'true', '--after', 'echo no >&2; false', ...args);
    expect(push.exitCode).toBe(1);
    expect(push.stderr).toContain('no\n');
    expect(push.stderr).toContain('rdt: the after command ended with status 1: echo no >&2; false\n');
    expect(await app.exec('cat', 'greeting.txt')).toBe(`edit ${edits}`);
    expect((await app.state()).running).toBe(true);
    expect(await app.leftovers()).toEqual([]);
  });
}

/** The child whose number the command printed; an empty command line is that of a process that has ended. */
function isAlive(stderr: string): boolean {
  const child = /child (\d+)\n/.exec(stderr)?.[1] ?? '';
  return commandLine(child).join('') !== '';
}

it('a before that is interrupted ends with all its children', async () => {
  const push = app.startPush('--before', 'sleep 60 & echo child $!; wait', '--after', 'true');
  await push.until(/child \d+\n/);
  push.kill('SIGINT');
  const { exitCode, stderr, durationMs } = await push.ended();
  expect(exitCode).toBe(130);
  expect(durationMs).toBeLessThan(10_000);
  await eventually(() => !isAlive(stderr), { what: 'the end of the child', withinMs: 2000 });
});

it('an after that is interrupted ends with all its children, and is all that the next push has to do', async () => {
  const push = app.startPush('--before', 'true', '--after', 'sleep 60 & echo child $!; wait');
  await push.until(/child \d+\n/);
  const startMs = performance.now();
  push.kill('SIGINT');
  const { exitCode, stderr } = await push.ended();
  expect(performance.now() - startMs).toBeLessThan(2000);
  expect(exitCode).toBe(130);
  expect(stderr).toMatch(/rdt: interrupted\n$/);
  await eventually(() => !isAlive(stderr), { what: 'the end of the child', withinMs: 2000 });
  expect(app.projectFile()).not.toContain('sleep 60');
  await app.expectInStep();
  expect(await app.leftovers()).toEqual([]);
  const state = await app.state();
  expect(state.running).toBe(true);
  expect(await told()).toEqual(both('sync', 'none'));
  expect(await app.state()).toEqual(state);
});

it('what a command leaves in the background does not hold the push up', async () => {
  const { stderr, durationMs } = await app.push('--before', 'sleep 20 & echo child $!', '--after', 'true');
  expect(durationMs).toBeLessThan(15_000);
  expect(isAlive(stderr)).toBe(true);
});

it('the output of a command is not changed', async () => {
  const { stderr } = await app.push(
    '--before',
    "printf '\\033[31mred\\033[0m \\377 no line end'",
    '--after',
    'true',
  );
  expect(stderr).toContain('\u001b[31mred\u001b[0m \uFFFD no line end');
});
