import { pipeline } from 'node:stream/promises';
import { SCRIPTS, engineContract } from './engine-contract.js';
import { FakeEngine } from './fake-engine.js';
import { type FakeProcess, type FakeProgram, runUntilKilled } from './fake-process.js';

const writeLog = ({ stdout, stderr }: FakeProcess): void => {
  stdout.write('one\n');
  stderr.write('two\n');
  stdout.write('three\n');
};

const scripts: Readonly<Record<string, FakeProgram>> = {
  [SCRIPTS.log]: (process) => {
    writeLog(process);
    return 0;
  },
  [SCRIPTS.logAndWait]: (process) => {
    writeLog(process);
    return runUntilKilled(process.killed);
  },
  [SCRIPTS.outErrExit3]: ({ stdout, stderr }) => {
    stdout.write('out\n');
    stderr.write('err\n');
    return 3;
  },
  [SCRIPTS.ignoreInput]: () => 4,
  [SCRIPTS.exit5]: () => 5,
  [SCRIPTS.exit6AtHangUp]: async ({ stdout, killed }) => {
    stdout.write('ready\n');
    await runUntilKilled(killed);
    return 6;
  },
  [SCRIPTS.waitForEof]: async ({ killed, files }) => {
    await runUntilKilled(killed);
    files.write('/tmp/eof', 'eof\n');
    return 0;
  },
};

const busybox: FakeProgram = async (process) => {
  const [program = '', , script = ''] = process.argv;
  if (program === 'sh') return (await scripts[script]?.(process)) ?? 127;
  if (program === 'sleep') return runUntilKilled(process.killed);
  if (program !== 'cat') return 127;
  await pipeline(process.stdin, process.stdout, { end: false });
  return 0;
};

engineContract('FakeEngine', () => {
  const engine = new FakeEngine(busybox);
  engine.addImage('busybox', { cmd: ['sh'], files: { '/tmp/.keep': '' } });
  return Promise.resolve({ engine, [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose]() });
});
