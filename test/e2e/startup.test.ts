import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BIN, Rdt, type RdtResult, RunningRdt } from './rdt.js';

const RECORDER = join(import.meta.dirname, 'record-modules.cjs');

const HEAVY = ['dockerode', 'ssh2', 'inquirer', 'js-yaml', 'yaml', 'dockerfile-ast', 'xz-decompress'];

let rdt: Rdt;
beforeEach(() => {
  rdt = new Rdt();
});
afterEach(() => rdt[Symbol.dispose]());

/** The npm packages that a command line loads, but for commander. */
async function packagesOf(...args: string[]): Promise<string[]> {
  const file = join(rdt.home, 'modules.txt');
  const env = { NODE_OPTIONS: `--require=${RECORDER}`, RECORD_MODULES: file };
  await rdt.run(args, { env });
  const modules = readFileSync(file, 'utf8').split('\n');
  expect(modules.some((path) => path.includes('/bin/rdt.js'))).toBe(true);
  const names = modules.map((path) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  return [...new Set(names.filter((name): name is string => name !== undefined && name !== 'commander'))];
}

describe('what a command does not need is not loaded:', () => {
  it.each(['--help', '--version', 'push --help', 'flash --help', 'known-hosts list'])(
    'rdt %s loads commander alone',
    async (line) => {
      expect(await packagesOf(...line.split(' '))).toEqual([]);
    },
  );

  it.each(['scan --timeout 0.1', 'push 127.0.0.1:1', 'logs 127.0.0.1:1', 'ssh 127.0.0.1:1 -c x'])(
    'rdt %s, over TCP and without a question, loads none of the heavy ones',
    async (line) => {
      const loaded = await packagesOf(...line.split(' '));
      expect(HEAVY.filter((name) => loaded.includes(name))).toEqual([]);
    },
  );
});

it.runIf(process.platform === 'linux')('a disk that is full is told of', async () => {
  const words = ['-c', 'exec "$@" > /dev/full', 'sh', process.execPath, BIN, '--help'];
  const env = { ...process.env, HOME: rdt.home };
  const { exitCode, stderr } = await new RunningRdt(spawn('sh', words, { env })).ended();
  expect(stderr).toBe('rdt: cannot write the output: ENOSPC: no space left on device, write\n');
  expect(exitCode).toBe(1);
});

describe('in a folder that was deleted', () => {
  /** As a shell runs it that stands there. */
  async function run(...args: string[]): Promise<RdtResult> {
    const folder = mkdtempSync(join(rdt.home, 'gone-'));
    const script = 'cd "$1" && rmdir "$1" && shift && exec "$@"';
    const words = ['-c', script, 'sh', folder, process.execPath, BIN, ...args];
    return new RunningRdt(spawn('sh', words, { env: { ...process.env, HOME: rdt.home } })).ended();
  }

  it('a command that looks into none works', async () => {
    expect(await run('--version')).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('a push says that it is gone', async () => {
    const { exitCode, stderr } = await run('push', '127.0.0.1:1', '--app-name', 'app');
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^rdt: There is no folder .*\/gone-\w+\.\n$/);
  });
});
