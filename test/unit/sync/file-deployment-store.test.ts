import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RdtError } from '../../../src/errors.js';
import type { Deployment } from '../../../src/sync/deployment.js';
import { withChanges } from '../../../src/sync/layered-tree.js';
import type { LocalEntry } from '../../../src/sync/tree.js';
import { FileDeploymentStore } from '../../../src/sync/state/file-deployment-store.js';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'rdt-store-'));
});
afterEach(() => rmSync(home, { recursive: true }));

const deployment = (containerId: string): Deployment => ({
  containerId,
  source: '/project',
  destination: '/usr/src/app',
  token: 'v1.1',
  engineRun: 'e1',
  hasShell: true,
  owner: { uid: 0, gid: 0 },
  tree: new Map([['run', { kind: 'symlink', target: 'main.sh', stamp: NEVER }]]),
});
const NEVER = { mtimeMs: -1, ctimeMs: -1, inode: -1 };

describe('what was pushed', () => {
  it('is given back, and is unknown of any other container', async () => {
    const store = new FileDeploymentStore(join(home, 'deployments'));
    expect(await store.load('a'.repeat(64))).toBeUndefined();
    await store.save(deployment('a'.repeat(64)));
    const loaded = await store.load('a'.repeat(64));
    expect({ ...loaded, tree: new Map(loaded?.tree) }).toEqual(deployment('a'.repeat(64)));
    expect(await store.load('b'.repeat(64))).toBeUndefined();
  });

  it.each(['', '{', '[]', '{"version":1,"tree":7}', '{"version":2,"tree":[]}'])(
    'is unknown when its file is damaged: %s',
    async (text) => {
      const store = new FileDeploymentStore(home);
      await store.save(deployment('c'));
      writeFileSync(join(home, 'c.tree'), text);
      expect(store.damagedFile('c')).toBeUndefined();
      expect(await store.load('c')).toBeUndefined();
      expect(store.damagedFile('c')).toBe(join(home, 'c.tree'));
      await store.save(deployment('c'));
      await store.load('c');
      expect(store.damagedFile('c')).toBeUndefined();
    },
  );

  it('cannot be read when its file is a folder, which is named', async () => {
    const file = join(home, 'c.tree');
    mkdirSync(file);
    await expect(new FileDeploymentStore(home).load('c')).rejects.toMatchObject({
      message: `Cannot read ${file}, where rdt notes what it has pushed.`,
      hint: expect.stringContaining('RDT_STATE_DIR') as string,
    });
  });

  it('cannot be noted where nothing can be written, which is no bug', async () => {
    writeFileSync(join(home, 'file'), '');
    const folder = join(home, 'file', 'deployments');
    const failure = new FileDeploymentStore(folder).save(deployment('d'));
    await expect(failure).rejects.toBeInstanceOf(RdtError);
    await expect(failure).rejects.toMatchObject({
      message: `Cannot write ${folder}, where rdt notes what it has pushed.`,
      hint: expect.stringMatching(/ENOTDIR.*RDT_STATE_DIR/) as string,
    });
  });
});

describe('what a push changed of what was pushed', () => {
  const id = 'e'.repeat(64);
  const CHANGES = `${id.slice(0, 32)}.changes`;
  const file = (content: string): LocalEntry => ({
    kind: 'file',
    mode: 0o644,
    sizeBytes: 1,
    sha256: content.repeat(64),
    stamp: { mtimeMs: 1, ctimeMs: 2, inode: 3 },
  });
  const many = new Map(
    Array.from({ length: 2000 }, (_, index): [string, LocalEntry] => [`f${index}`, file('a')]),
  );

  /** As by another process each time. */
  async function push(token: string, changes: Record<string, LocalEntry | undefined>): Promise<void> {
    const store = new FileDeploymentStore(home);
    const known = await store.load(id);
    const tree = withChanges(known?.tree ?? many, new Map(Object.entries(changes)));
    await store.save({ ...deployment(id), token, tree });
  }

  const loaded = async (): Promise<Record<string, unknown>> => {
    const { tree, ...rest } = (await new FileDeploymentStore(home).load(id)) ?? deployment('none');
    return { ...rest, tree: Object.fromEntries(tree) };
  };

  it('is written alone, and is all there after any number of pushes', async () => {
    await push('v1.1', {});
    await push('v1.2', {
      f7: file('b'),
      g: { kind: 'directory', mode: 0o755, stamp: NEVER },
      'g/x': file('c'),
    });
    await push('v1.3', { f7: undefined, f8: undefined, 'g/x': file('d') });
    await push('v1.4', { f8: file('e') });
    expect(statSync(join(home, CHANGES)).size).toBeLessThan(2000);
    const expected = new Map(many).set('f8', file('e')).set('g/x', file('d'));
    expected.set('g', { kind: 'directory', mode: 0o755, stamp: NEVER });
    expected.delete('f7');
    expect(await loaded()).toEqual({ ...deployment(id), token: 'v1.4', tree: Object.fromEntries(expected) });
    expect(readdirSync(home).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('is written as a whole when it is much', async () => {
    await push('v1.1', {});
    await push('v1.2', { f1: file('b') });
    await push('v1.3', Object.fromEntries([...many.keys()].map((path) => [path, file('c')])));
    expect(readdirSync(home)).toEqual([`${id.slice(0, 32)}.tree`]);
    expect(await loaded()).toMatchObject({ token: 'v1.3', tree: { f1: file('c') } });
  });

  it('is passed over when it is lost, damaged, or about another push', async () => {
    await push('v1.1', {});
    await push('v1.2', { f1: file('b') });
    const changes = readFileSync(join(home, CHANGES));
    for (const damaged of [changes.subarray(0, -1), Buffer.from(''), Buffer.from('{}\n')]) {
      writeFileSync(join(home, CHANGES), damaged);
      expect(await loaded()).toMatchObject({ token: 'v1.1', tree: { f1: file('a') } });
    }
    await new FileDeploymentStore(home).save({ ...deployment(id), token: 'v1.9' });
    writeFileSync(join(home, CHANGES), changes);
    expect(await loaded()).toMatchObject({ token: 'v1.9' });
  });

  it('keeps what it is about from being forgotten', async () => {
    await push('v1.1', {});
    utimesSync(join(home, `${id.slice(0, 32)}.tree`), 1, 1);
    await push('v1.2', { f1: file('b') });
    for (let other = 0; other < 70; other++) {
      const name = other.toString(16).padStart(3, '0').padEnd(64, '0');
      await new FileDeploymentStore(home).save(deployment(name));
      utimesSync(join(home, `${name.slice(0, 32)}.tree`), 1000 + other, 1000 + other);
    }
    expect(await loaded()).toMatchObject({ token: 'v1.2', tree: { f1: file('b') } });
    expect(readdirSync(home)).toHaveLength(65);
  });
});
