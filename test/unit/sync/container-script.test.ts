import { PassThrough, Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { runScript, type ScriptResult } from '../../../src/sync/container-script.js';
import type { Engine } from '../../../src/transport/engine.js';

/** What becomes of a script that printed this, by an engine that says it ended with this code. */
function result(output: string, exitCode: number, errors = ''): Promise<ScriptResult> {
  const exec: Engine['exec'] = () =>
    Promise.resolve({
      stdin: new PassThrough().resume(),
      stdout: Readable.from([output]),
      stderr: Readable.from([errors]),
      exitCode: Promise.resolve(exitCode),
      resize: () => Promise.resolve(),
    });
  const engine = { exec } as Partial<Engine> as Engine;
  return runScript(engine, 'app', 'true', [], Readable.from(['input']), new AbortController().signal);
}

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
