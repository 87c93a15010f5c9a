import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Rdt } from './rdt.js';

const RECORDER = pathToFileURL(join(import.meta.dirname, 'record-modules.mjs')).href;

const HEAVY = ['dockerode', 'ssh2', 'inquirer', 'js-yaml', 'yaml', 'dockerfile-ast', 'xz-decompress'];

let rdt: Rdt;
beforeEach(() => {
  rdt = new Rdt();
});
afterEach(() => rdt[Symbol.dispose]());

/** The npm packages that a command line loads. */
async function packagesOf(...args: string[]): Promise<string[]> {
  const file = join(rdt.home, 'modules.txt');
  const env = { NODE_OPTIONS: `--import=${RECORDER}`, RECORD_MODULES: file };
  await rdt.run(args, { env });
  const urls = readFileSync(file, 'utf8').split('\n');
  expect(urls.some((url) => url.endsWith('/dist/main.js'))).toBe(true);
  const names = urls.map((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))].sort();
}

describe('what a command does not need is not loaded:', () => {
  it.each(['--help', '--version', 'push --help', 'flash --help', 'known-hosts list'])(
    'rdt %s loads commander alone',
    async (line) => {
      expect(await packagesOf(...line.split(' '))).toEqual(['commander']);
    },
  );

  it.each(['scan --timeout 0.1', 'push 127.0.0.1:1', 'logs 127.0.0.1:1', 'ssh 127.0.0.1:1 -c x'])(
    'rdt %s, over TCP and without a question, loads none of the heavy ones',
    async (line) => {
      const loaded = await packagesOf(...line.split(' '));
      for (const heavy of HEAVY) expect(loaded).not.toContain(heavy);
    },
  );
});
