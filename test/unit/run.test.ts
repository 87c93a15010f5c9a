import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Wiring } from '../../src/commands/command-deps.js';
import { ExitCode, failureOf, RdtError } from '../../src/errors.js';
import { run } from '../../src/run.js';
import type { Runtime } from '../../src/runtime.js';
import type { ShellRequest } from '../../src/shell/shell-request.js';

const ESC = '\u001b';
const HARMFUL = `${ESC}[2J${ESC}]0;title\u0007no\u009b5m\u202e such thing`;

const runtimeOf = (env: Runtime['env'], stderr: PassThrough): Runtime => ({
  env,
  cwd: '/',
  platform: 'linux',
  stdin: new PassThrough(),
  stdout: new PassThrough(),
  stderr,
  signal: new AbortController().signal,
  clock: { monotonicMs: () => 0, wallMs: () => 0, sleep: () => Promise.resolve() },
});

/** What a command says and answers that fails so. */
async function failing(error: Error, env: Runtime['env'] = {}): Promise<{ err: string; exitCode: number }> {
  const stderr = new PassThrough();
  const wiring = { knownHosts: () => Promise.reject(error) } as unknown as Wiring;
  const exitCode = await run(['known-hosts', 'list'], runtimeOf(env, stderr), wiring);
  return { err: String(stderr.read()), exitCode };
}

describe('an error', () => {
  it('is its message and its hint, and its exit code', async () => {
    const error = new RdtError('It failed.', { hint: 'Try this:\n  that', exitCode: ExitCode.unreachable });
    expect(await failing(error)).toEqual({ err: 'rdt: It failed.\n  Try this:\n    that\n', exitCode: 4 });
  });

  it.each([
    ['in its message', new RdtError(HARMFUL), {}],
    ['in its hint', new RdtError('It failed.', { hint: HARMFUL }), {}],
    ['in its cause', new RdtError('It failed.', { cause: new Error(HARMFUL) }), { RDT_DEBUG: '1' }],
    ['and is a bug', new Error(HARMFUL), {}],
  ])('that quotes a device %s does nothing to the terminal', async (_, error, env) => {
    const { err } = await failing(error, env);
    expect(err).toContain('such thing');
    expect(err).not.toMatch(/[^\P{Cc}\n]/u);
    expect(err).not.toMatch(/\p{Cf}/u);
  });
});

describe('a command that prints its events', () => {
  const output = async (args: string[], signal?: AbortSignal): Promise<string> => {
    const runtime = runtimeOf({}, new PassThrough());
    const stdout = new PassThrough();
    const fail = () =>
      Promise.reject(new RdtError('It failed.', { hint: 'Try this.', exitCode: ExitCode.unreachable }));
    const wiring = { push: fail, flash: fail } as unknown as Wiring;
    await run(args, { ...runtime, stdout, signal: signal ?? runtime.signal }, wiring);
    return String(stdout.read() ?? '');
  };

  it.each([[['push', '--json']], [['flash', 'os.img', '--json']]])(
    'ends %j with its failure',
    async (args) => {
      const failed = { type: 'failed', exitCode: 4, message: 'It failed.', hint: 'Try this.' };
      expect(JSON.parse(await output(args))).toEqual(failed);
    },
  );

  it.each([
    [['push', '--json', '--restart', 'foo'], "option '--restart <how>' argument 'foo' is invalid."],
    [['push', '--restart', 'foo', '--json'], "option '--restart <how>' argument 'foo' is invalid."],
    [['push', '--json', 'a', 'b'], 'too many arguments'],
    [['flash', '--json'], "missing required argument 'image'"],
  ])('ends %j, which is wrong usage, with what is wrong', async (args, message) => {
    expect(JSON.parse(await output(args))).toEqual({
      type: 'failed',
      exitCode: ExitCode.usage,
      message: expect.stringContaining(message) as string,
    });
  });

  it('has what commander proposes as the hint', async () => {
    const failed = { message: "unknown option '--forse'", hint: '(Did you mean --force?)' };
    expect(JSON.parse(await output(['push', '--json', '--forse']))).toMatchObject(failed);
  });

  it.each([
    [['push', '--json', '--help']],
    [['push', '--restart', 'foo']],
    [['push', 'a', 'b', '--', '--json']],
    [['logs', '--json', 'a', 'b']],
  ])('says no failure on stdout for %j', async (args) => {
    expect(await output(args)).not.toContain('"failed"');
  });

  it('says nothing of it on stdout without --json', async () => {
    expect(await output(['push'])).toBe('');
  });
});

describe('rdt help', () => {
  const said = async (...args: string[]): Promise<{ exitCode: number; out: string; err: string }> => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const exitCode = await run(args, { ...runtimeOf({}, stderr), stdout }, {} as Wiring);
    return { exitCode, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') };
  };

  it('shows what --help shows', async () => {
    expect(await said('help')).toEqual(await said('--help'));
    const push = await said('help', 'push');
    expect(push).toEqual(await said('push', '--help'));
    expect(push).toMatchObject({ exitCode: 0, out: expect.stringContaining('Usage: rdt push') as string });
  });

  it('tells how a switch that a project file remembers is taken back', async () => {
    const { out } = await said('help', 'push');
    expect(out).toMatch(/--no-progress +take back/);
    expect(out).toMatch(/--no-verbose +take back/);
  });

  it('of a command that is not there is wrong usage, and says which is meant', async () => {
    const { exitCode, out, err } = await said('help', 'pus');
    expect({ exitCode, out }).toEqual({ exitCode: ExitCode.usage, out: '' });
    expect(err).toContain("unknown command 'pus'\n(Did you mean push?)\n");
    expect((await said('help', 'nonsense')).err).not.toContain('Did you mean');
  });
});

it.each([
  [['push', '--source', '']],
  [['push', '--identity', '']],
  [['ssh', '--identity', '']],
  [['logs', '--app-name', '']],
  [['flash', '']],
  [['flash', 'os.img', '--drive', '']],
  [['flash', 'os.img', '--bmap', '']],
  [['configure', '']],
  [['configure', 'card.img', '--from', '']],
])('an empty word, as an unset variable leaves it, is wrong usage: %j', async (args) => {
  const stderr = new PassThrough();
  const refused = () => Promise.reject(new Error('it was run'));
  const wiring = {
    push: refused,
    ssh: refused,
    logs: refused,
    flash: refused,
    configure: refused,
  } as unknown as Wiring;
  expect(await run(args, runtimeOf({}, stderr), wiring)).toBe(ExitCode.usage);
  expect(String(stderr.read())).toContain('It must not be empty.');
});

it('what fails after Ctrl-C is an interruption, unless it has a code of its own', () => {
  const { signal } = new AbortController();
  const aborted = AbortSignal.abort();
  const interrupted = { exitCode: ExitCode.interrupted, message: 'interrupted', hint: undefined };
  const own = new RdtError('It failed.', { exitCode: ExitCode.buildFailed });
  const refused = { exitCode: ExitCode.buildFailed, message: 'It failed.', hint: undefined };
  expect(failureOf(new Error('socket hang up'), aborted)).toEqual(interrupted);
  expect(failureOf(own, aborted)).toEqual(refused);
  expect(failureOf(own, signal)).toEqual(refused);
});

describe('rdt ssh', () => {
  const asked = async (...args: string[]): Promise<ShellRequest | undefined> => {
    let request: ShellRequest | undefined;
    const ssh = (given: ShellRequest) => Promise.resolve(((request = given), 0));
    await run(args, runtimeOf({}, new PassThrough()), {
      ssh: () => Promise.resolve(ssh),
    } as unknown as Wiring);
    return request;
  };

  it.each([
    [['ssh', 'kitchen', '--', 'ls', '--', '-l']],
    [['ssh', 'kitchen', '-v', '--', 'ls', '--', '-l']],
    [['ssh', '--', 'ls', '--', '-l']],
  ])('%j runs what follows the first dashes', async (args) => {
    expect(await asked(...args)).toMatchObject({
      target: args.includes('kitchen') ? 'kitchen' : undefined,
      action: { kind: 'command', argv: ['ls', '--', '-l'] },
    });
  });

  it('takes dashes before its name for none of its own', async () => {
    expect(await asked('--', 'ssh', 'kitchen')).toMatchObject({
      target: 'kitchen',
      action: { kind: 'shell' },
    });
  });
});
