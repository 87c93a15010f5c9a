import { describe, expect, it } from 'vitest';
import {
  type Deployment,
  parseDeployment,
  serializeDeployment,
  withoutRacyStamp,
} from '../../../src/sync/deployment.js';
import { directory, file, link, tree } from './trees.js';

const deployment: Deployment = {
  containerId: 'c0ffee',
  source: '/home/anna/app',
  destination: '/usr/src/app',
  token: 'v1.0123',
  hasShell: undefined,
  owner: { uid: 1000, gid: 1000 },
  tree: tree({ a: directory(0o700), 'a/x\n"y': file('x', 0o755), l: link('../out') }),
};

describe('a stored deployment', () => {
  it('comes back with every path, kind, mode, hash, target and file stamp', () => {
    const back = parseDeployment(serializeDeployment(deployment));
    expect({ ...back, tree: undefined }).toEqual({ ...deployment, tree: undefined });
    expect([...(back?.tree.keys() ?? [])]).toEqual([...deployment.tree.keys()]);
    expect(back?.tree.get('a/x\n"y')).toEqual(deployment.tree.get('a/x\n"y'));
    expect(back?.tree.get('l')).toMatchObject({ kind: 'symlink', target: '../out' });
    expect(back?.tree.get('a')).toMatchObject({ kind: 'directory', mode: 0o700 });
  });

  it.each(['', '{', 'null', '[]', '{"version":2,"tree":[]}'])(
    'is as good as lost when its file holds %j',
    (text) => {
      expect(parseDeployment(text)).toBeUndefined();
    },
  );
});

describe('withoutRacyStamp', () => {
  it('has a file read again that was written within two seconds of the scan, and trusts an older one', () => {
    const written = { mtimeMs: 10_000, ctimeMs: 10_000, inode: 7 };
    const entry = { ...file('x'), stamp: written };
    expect(withoutRacyStamp(entry, 11_999).stamp).not.toEqual(written);
    expect(withoutRacyStamp(entry, 12_001).stamp).toEqual(written);
  });
});
