import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BIN, Rdt, type RdtResult, RunningRdt } from './rdt.js';

const RECORDER = join(import.meta.dirname, 'record-modules.cjs');

const BUNDLE = join(dirname(BIN), '../dist/main.cjs');

/** Some are packages of their own, some lie in the bundle. */
const HEAVY = [
  ...['dockerode', 'ssh2', 'inquirer', 'chokidar', 'drivelist', 'etcher-sdk'],
  ...['js-yaml', 'yaml', 'dockerfile-ast', 'xz-decompress'],
];

let rdt: Rdt;
beforeEach(() => {
  rdt = new Rdt();
});
afterEach(() => rdt[Symbol.dispose]());

/** The npm packages that a command line loads, but for commander. */
async function packagesOf(...args: string[]): Promise<string[]> {
  const file = join(rdt.home, 'modules.txt');
  const coverage = join(rdt.home, 'coverage');
  const env = {
    NODE_OPTIONS: `--require=${RECORDER}`,
    RECORD_MODULES: file,
    NODE_V8_COVERAGE: coverage,
  };
  await rdt.run(args, { env });
  const modules = readFileSync(file, 'utf8').split('\n');
  expect(modules.some((path) => path.includes('/bin/rdt.js'))).toBe(true);
  const names = namesIn([...modules, ...startedInBundle(coverage), ...neverWaiting()]);
  expect(names).toContain('commander');
  return names.filter((name) => name !== 'commander');
}

/** Each module of the bundle is a function, named for its file, that is called when it is first asked for: what was called is in V8's coverage. */
function startedInBundle(coverage: string): string[] {
  const scripts = readdirSync(coverage).flatMap((name) => coveredIn(join(coverage, name)));
  return scripts
    .filter(({ url }) => url === pathToFileURL(BUNDLE).href)
    .flatMap(({ functions }) => functions)
    .filter(({ ranges }) => (ranges[0]?.count ?? 0) > 0)
    .map(({ functionName }) => functionName);
}

interface Covered {
  readonly url: string;
  readonly functions: readonly { functionName: string; ranges: readonly { count: number }[] }[];
}

const coveredIn = (file: string): readonly Covered[] =>
  (JSON.parse(readFileSync(file, 'utf8')) as { result: readonly Covered[] }).result;

/** What is imported from `main.ts` by `import` statements alone has no such function: it runs at each start. */
function neverWaiting(): string[] {
  const licenses = readFileSync(join(dirname(BUNDLE), 'licenses.txt'), 'utf8');
  const bundled = [...licenses.matchAll(/^(\S+) \d+\.\d+\.\S+ \(.+\)$/gm)].map(
    ([, name]) => `node_modules/${name}/`,
  );
  expect(bundled).toContain('node_modules/js-yaml/');
  const code = readFileSync(BUNDLE, 'latin1');
  return bundled.filter((folder) => !code.includes(`"${folder}`));
}

function namesIn(paths: readonly string[]): string[] {
  const names = paths.map((path) => /(?:^|.*\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))];
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

  it('and what it needs is seen to be loaded: a project file takes a reader of YAML', async () => {
    writeFileSync(join(rdt.home, '.resin-sync.yml'), 'local_resinos:\n  app-name: app\n');
    expect(await packagesOf('push', '127.0.0.1:1')).toContain('js-yaml');
  });
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
