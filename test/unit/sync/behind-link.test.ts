import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ignoredNow, rulesOfSource } from '../../../src/sync/local-state.js';
import { hashTree, listTree } from '../../../src/sync/scan.js';
import { readDeployed } from '../../../src/sync/read-deployed.js';
import { planSync } from '../../../src/sync/sync-plan.js';
import type { Container, Engine } from '../../../src/transport/engine.js';

let root: string;
let source: string;
/** Stands for the destination in the container: the script that asks it is run by the real shell. */
let destination: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'rdt-behind-'));
  source = join(root, 'source');
  destination = join(root, 'container');
  for (const folder of [source, destination]) mkdirSync(folder);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const exec: Engine['exec'] = (_, { argv }) => {
  const [program = '', ...words] = argv;
  const child = spawn(program, words, { stdio: 'pipe' });
  return Promise.resolve({
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    exitCode: once(child, 'close').then(([code]) => Number(code)),
    resize: () => Promise.resolve(),
  });
};

/** What a push would send to a container that it had to ask. */
async function planned() {
  const { signal } = new AbortController();
  const platform = 'linux' as const;
  const rules = rulesOfSource({ source, ignore: [], skipGitignore: false, platform });
  const options = { source, rules, platform, signal, warn: () => undefined };
  const local = await hashTree(await listTree(options), new Map(), options);
  const state = { running: true, restarting: false };
  const container = { id: 'app', state, mounts: [], tmpfs: [] } as unknown as Container;
  const target = { engine: { exec } as Partial<Engine> as Engine, container, source, destination, signal };
  const marks = { token: undefined, engineRun: undefined };
  const known = { marks, stored: undefined, left: new Map(), leftByBegun: [], verify: false };
  const deployed = await readDeployed(target, Promise.resolve(local), known);
  expect(deployed.knowledge).toBe('verified');
  return planSync({ deployed: deployed.tree, local, isIgnored: ignoredNow(source, rules) });
}

describe('a folder that the app has moved elsewhere, and put a link in its place,', () => {
  beforeEach(() => {
    mkdirSync(join(source, 'data'));
    writeFileSync(join(source, 'data/a.txt'), 'a');
    writeFileSync(join(source, 'data/b.txt'), 'b');
    // The usual entrypoint: mv /app/data /persistent/data && ln -s /persistent/data /app/data
    mkdirSync(join(root, 'persistent'));
    mkdirSync(join(root, 'persistent/data'));
    writeFileSync(join(root, 'persistent/data/a.txt'), 'a');
    writeFileSync(join(root, 'persistent/data/b.txt'), 'b');
    symlinkSync(join(root, 'persistent/data'), join(destination, 'data'));
  });

  it('is sent with all that is in it, as the folder that takes the place of the link is empty', async () => {
    const { uploads } = await planned();
    // The link is replaced ...
    expect(uploads).toContain('data');
    // ... and nothing of what was seen through it is in the new folder.
    expect(uploads).toEqual(['data', 'data/a.txt', 'data/b.txt']);
  });
});
