import { describe, expect, it } from 'vitest';
import { changedPaths, rulesFor, runRules } from '../../../src/push/on-change.js';
import type { PushEvent } from '../../../src/push/push-event.js';
import { connectionCut } from '../../../src/transport/connection-error.js';
import { eventually } from '../../testbed/eventually.js';
import { FakeClock } from './fake-clock.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { type FakeProgram, runUntilKilled } from '../../contract/fake-process.js';

const never = new AbortController().signal;
const MIGRATE = { paths: ['migrations/**'], run: 'migrate' };
const INSTALL = { paths: ['/package-lock.json', '*.lock'], run: 'install' };

const file = (path: string) => ({ path, isDirectory: false });

describe('a rule', () => {
  it.each([
    ['migrations/1.sql', ['migrate']],
    ['migrations/old/1.sql', ['migrate']],
    ['lib/migrations/1.sql', []],
    ['package-lock.json', ['install']],
    ['lib/package-lock.json', []],
    ['lib/yarn.lock', ['install']],
    ['main.js', []],
  ])('for %s runs %j', (path, commands) => {
    expect(rulesFor([MIGRATE, INSTALL], [file(path)]).map(({ run }) => run)).toEqual(commands);
  });

  it('holds for what was deleted, and for what made room', () => {
    const plan = {
      uploads: ['main.js'],
      deletions: [{ path: 'migrations/1.sql', kind: 'file' }],
      obstacles: [{ path: 'a.lock', kind: 'directory' }],
    } as const;
    const changed = changedPaths(plan, new Map());
    expect(rulesFor([INSTALL, MIGRATE], changed)).toEqual([INSTALL, MIGRATE]);
  });

  it('runs once, however many paths it names', () => {
    const many = ['migrations/1', 'migrations/2'].map(file);
    expect(rulesFor([MIGRATE], many)).toEqual([MIGRATE]);
  });
});

async function run(command: string, program: FakeProgram, hasShell = true) {
  const engine = new FakeEngine((process) =>
    process.argv[0] === 'main' ? runUntilKilled(process.killed) : program(process),
  );
  const image = engine.addImage('app', { cmd: ['main'] });
  if (!hasShell) image.files.remove('/bin/sh');
  const id = await engine.createContainer('app', { Image: 'app', Labels: {}, HostConfig: {} });
  await engine.startContainer(id);
  const container = engine.container(id).describe();
  const events: PushEvent[] = [];
  const rules = [{ paths: ['x'], run: command }];
  const clock = new FakeClock();
  const deps = { engine, emit: (event: PushEvent) => events.push(event), clock, signal: never };
  return { engine, clock, events, running: runRules(rules, deps, container) };
}

describe('the command of a rule', () => {
  it('is given to the shell as it is, and its output is shown', async () => {
    const { events, running } = await run('echo $A | cat', ({ argv, stdout }) => {
      stdout.write(argv.join(' '));
      return 0;
    });
    await running;
    expect(events.map(({ type }) => type)).toEqual(['rule', 'rule-output']);
    expect(events[1]).toMatchObject({ chunk: Buffer.from('/bin/sh -c echo $A | cat') });
  });

  it('that fails is told, and ends nothing', async () => {
    const { events, running } = await run('migrate', () => 4);
    await running;
    expect(events.at(-1)).toMatchObject({
      type: 'rule-failed',
      command: 'migrate',
      message: expect.stringContaining('4') as string,
    });
  });

  it('fails with the connection', async () => {
    const { engine, running } = await run('migrate', () => 0);
    engine.failNext('exec', connectionCut('the engine'));
    await expect(running).rejects.toThrow('connection was cut');
  });

  it('that takes long is told once, and still waited for', async () => {
    let end = (): void => undefined;
    const ended = new Promise<number>((resolve) => (end = () => resolve(0)));
    const { clock, events, running } = await run('migrate', () => ended);
    await clock.advance(9_999);
    expect(events.map(({ type }) => type)).toEqual(['rule']);
    await clock.advance(1);
    await eventually(() => events.length > 1, { what: 'a warning', withinMs: 1_000 });
    expect(events[1]).toMatchObject({
      type: 'warning',
      message: expect.stringMatching(/still runs.*migrate/) as string,
    });
    end();
    await running;
    expect(events.length).toBe(2);
  });

  it('is split into words where there is no shell', async () => {
    const argvs: (readonly string[])[] = [];
    const program: FakeProgram = ({ argv }) => (argvs.push(argv), 0);
    const { running } = await run("/bin/migrate --to 'the last'", program, false);
    await running;
    expect(argvs).toEqual([['/bin/migrate', '--to', 'the last']]);
  });

  it.each([
    ['migrate "x', 0, 'has an unclosed quote'],
    ['migrate', undefined, 'is not the path of a program'],
    ['/bin/migrate', 3, 'ended with status 3'],
  ])('%s without a shell fails with a reason', async (command, status, reason) => {
    const { events, running } = await run(command, () => status, false);
    await running;
    expect(events.at(-1)).toMatchObject({
      type: 'rule-failed',
      message: expect.stringContaining(reason) as string,
    });
  });
});
