import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RdtError } from '../../../src/errors.js';
import type { Deployment } from '../../../src/sync/deployment.js';
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
    expect(await store.load('a'.repeat(64))).toEqual(deployment('a'.repeat(64)));
    expect(await store.load('b'.repeat(64))).toBeUndefined();
  });

  it.each(['', '{', '[]', '{"version":1,"tree":7}', '{"version":2,"tree":[]}'])(
    'is unknown when its file is damaged: %s',
    async (text) => {
      const store = new FileDeploymentStore(home);
      await store.save(deployment('c'));
      writeFileSync(join(home, 'c.tree'), text);
      expect(await store.load('c')).toBeUndefined();
    },
  );

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
