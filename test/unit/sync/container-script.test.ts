import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  LIST_ODD_SCRIPT,
  LIST_SCRIPT,
  runScript,
  type ScriptResult,
} from '../../../src/sync/container-script.js';
import type { Engine, ExecSession } from '../../../src/transport/engine.js';

const session = (output: string, exitCode: number, errors = ''): ExecSession => ({
  stdin: new PassThrough().resume(),
  stdout: Readable.from([output]),
  stderr: Readable.from([errors]),
  exitCode: Promise.resolve(exitCode),
  resize: () => Promise.resolve(),
});

function run(exec: Engine['exec']): Promise<ScriptResult> {
  const engine = { exec } as Partial<Engine> as Engine;
  return runScript(engine, 'app', 'true', [], Readable.from(['input']), new AbortController().signal);
}

/** What becomes of a script that printed this, by an engine that says it ended with this code. */
const result = (output: string, exitCode: number, errors?: string): Promise<ScriptResult> =>
  run(() => Promise.resolve(session(output, exitCode, errors)));

it('is done when its own last line says so', async () => {
  expect(await result('one\nrdt:0\n', 0)).toEqual({ kind: 'done', output: 'one\n' });
});

it.each([
  ['with no output at all', ''],
  ['with an output that breaks off', 'one\ntw'],
  ['with a mark that is not the last line', 'rdt:0\nmore\n'],
  ['with a mark inside a line', 'x rdt:0\n'],
])('has failed %s, whatever the engine says', async (_, output) => {
  expect(await result(output, 0, ' broken \n')).toEqual({ kind: 'failed', status: 0, errors: 'broken' });
});

it('has failed with the status of its own last line', async () => {
  expect(await result('rdt:3\n', 0)).toMatchObject({ kind: 'failed', status: 3 });
});

it.each([
  ['the shell found no program', 'rdt:127\n', 0],
  ['there is no shell', '', 127],
  ['the shell may not be run', '', 126],
])('has no shell when %s', async (_, output, exitCode) => {
  expect(await result(output, exitCode)).toEqual({ kind: 'no-shell' });
});

it("is run outside of the app's working directory, which may be gone", async () => {
  let workingDir: string | undefined;
  const exec: Engine['exec'] = (_, options) => {
    ({ workingDir } = options);
    return Promise.resolve(session('rdt:0\n', 0));
  };
  await run(exec);
  expect(workingDir).toBe('/proc');
});

/** Its tools are those of a container: macOS has others. */
describe.runIf(process.platform === 'linux')('a container that is asked what it holds', () => {
  const TOOLS = ['sh', 'xargs', 'stat', 'sha256sum', 'readlink', 'sleep'];
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'rdt-list-'));
    mkdirSync(join(root, 'app/cache'), { recursive: true });
    writeFileSync(join(root, 'app/cache/db'), 'of the app');
    mkdirSync(join(root, 'bin'));
    for (const tool of TOOLS) {
      const place = ['/bin', '/usr/bin'].map((folder) => join(folder, tool)).find(existsSync);
      if (place !== undefined) symlinkSync(place, join(root, 'bin', tool));
    }
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const answer = (script: string, input: string, env: Record<string, string> = {}): string =>
    spawnSync('/bin/sh', ['-c', script, 'sh', join(root, 'app')], {
      input,
      encoding: 'utf8',
      env: { ...env, PATH: join(root, 'bin') },
      timeout: 10_000,
    }).stdout;

  const QUESTIONS = [
    [LIST_SCRIPT, './cache\0'],
    [LIST_ODD_SCRIPT, '0/./cache\0'],
  ] as const;

  it('answers when it has these programs', () => {
    for (const [script, input] of QUESTIONS) expect(answer(script, input)).toMatch(/\ns 41[^]*\nrdt:0\n$/);
  });

  it.each(['stat', 'sha256sum', 'readlink', 'xargs'])('has not answered when it has no %s', (tool) => {
    rmSync(join(root, 'bin', tool));
    for (const [script, input] of QUESTIONS) expect(answer(script, input)).toMatch(/(^|\n)rdt:127\n$/);
  });

  it("has answered whatever the app's environment holds", () => {
    expect(answer(LIST_SCRIPT, './cache\0', { unfit: 'x' })).toMatch(/rdt:0\n$/);
  });

  it('has not answered when its stat knows no format', () => {
    rmSync(join(root, 'bin/stat'));
    writeFileSync(join(root, 'bin/stat'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    for (const [script, input] of QUESTIONS) expect(answer(script, input)).toMatch(/(^|\n)rdt:127\n$/);
  });
});
