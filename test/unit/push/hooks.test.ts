import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Hook, runHook } from '../../../src/push/hooks.js';
import { systemClock } from '../../../src/system-clock.js';
import { errorCode } from '../../../src/system-error.js';
import { eventually } from '../../testbed/eventually.js';
import { canEndTree } from '../can-end-tree.js';

const onWindows = process.platform === 'win32';
/** In JavaScript, because shells differ. */
const WAITING = 'setTimeout(() => undefined, 20_000);';
const TELLING = `console.log('process', process.pid); ${WAITING}`;
const STARTING_ANOTHER = `
  const { pid } = require('node:child_process').spawn(process.execPath, ['-e', '${WAITING}'], { stdio: 'ignore' });
  console.log('process', pid);
  ${WAITING}`;

describe('a hook', () => {
  let folder: string;
  let shown: string;
  let interrupt: AbortController;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rdt-hook-'));
    shown = '';
    interrupt = new AbortController();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function run(script: string, changes: Partial<Hook> = {}): Promise<void> {
    const file = join(folder, 'hook.cjs');
    writeFileSync(file, script);
    const command = `"${process.execPath}" "${file}"`;
    const { env, platform } = process;
    const hook = { name: 'before', command, cwd: tmpdir(), env, platform, clock: systemClock } as const;
    const show = (_: string, chunk: Uint8Array): void => void (shown += Buffer.from(chunk).toString());
    return runHook({ ...hook, ...changes }, show, interrupt.signal);
  }

  async function interrupted(running: Promise<void>): Promise<void> {
    const reason = new Error('interrupted');
    interrupt.abort(reason);
    await expect(running).rejects.toBe(reason);
  }

  const theProcess = (): Promise<number> =>
    eventually(() => Number(/process (\d+)\s/.exec(shown)?.[1] ?? 0) || undefined, {
      what: 'the start of the process',
      withinMs: 20_000,
    });

  it('shows what it prints', async () => {
    await run('console.log("to stdout"); console.error("to stderr");');
    expect(shown).toContain('to stdout\n');
    expect(shown).toContain('to stderr\n');
  });

  it('fails with its status', async () => {
    await expect(run('process.exitCode = 3;')).rejects.toThrow('the before command ended with status 3');
  });

  it.skipIf(!canEndTree)('ends with all that it has started when it is interrupted', async () => {
    const running = run(STARTING_ANOTHER);
    const started = await theProcess();
    await interrupted(running);
    await eventually(() => !isAlive(started), { what: 'the end of what it started', withinMs: 5_000 });
  });

  it.skipIf(onWindows)('is ended as a tree on Windows', async () => {
    const system = join(folder, 'System32');
    mkdirSync(system);
    const taskkill = join(system, 'taskkill.exe');
    writeFileSync(taskkill, `#!/bin/sh\necho "$@" > ${folder}/asked\nkill $2\n`);
    chmodSync(taskkill, 0o755);
    const running = run(TELLING, { platform: 'win32', env: { PATH: '/usr/bin:/bin', SystemRoot: folder } });
    const left = await theProcess();
    await interrupted(running);
    if (isAlive(left)) process.kill(left);
    expect(readFileSync(join(folder, 'asked'), 'utf8')).toMatch(/^\/PID \d+ \/T \/F\n$/);
  });

  it('is ended on Windows also where no tree can be', async () => {
    const running = run(TELLING, { platform: 'win32', env: { SystemRoot: folder } });
    const left = await theProcess();
    await interrupted(running);
    if (isAlive(left)) process.kill(left);
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return false;
    throw error;
  }
}
