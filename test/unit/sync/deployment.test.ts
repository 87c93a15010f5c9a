import { describe, expect, it } from 'vitest';
import { notesLength } from '../../../src/sync/blocks.js';
import { type Deployment, withoutRacyStamp } from '../../../src/sync/deployment.js';
import { decodeDeployment, encodeDeployment, type Since } from '../../../src/sync/state/deployment-format.js';
import type { LocalEntry } from '../../../src/sync/tree.js';
import { directory, file, link, tree } from './trees.js';

const deployment: Deployment = {
  containerId: 'c0ffee',
  source: '/home/anna/app',
  destination: '/usr/src/app',
  token: 'v1.0123',
  engineRun: 'e1',
  hasShell: undefined,
  owner: { uid: 1000, gid: 1000 },
  tree: tree({ a: directory(0o700), 'a/x\n"y': file('x', 0o755), l: link('../out') }),
};

const encode = (whole: Deployment, since?: Since): Buffer =>
  Buffer.concat(encodeDeployment({ deployment: whole, since }));
const decode = (bytes: Buffer): Deployment | undefined => decodeDeployment(bytes)?.deployment;

describe('a stored deployment', () => {
  it('comes back with every path, kind, mode, hash, target and file stamp', () => {
    const back = decode(encode(deployment));
    expect({ ...back, tree: undefined }).toEqual({ ...deployment, tree: undefined });
    expect([...(back?.tree.keys() ?? [])]).toEqual([...deployment.tree.keys()]);
    expect(back?.tree.get('a/x\n"y')).toEqual(deployment.tree.get('a/x\n"y'));
    expect(back?.tree.get('l')).toMatchObject({ kind: 'symlink', target: '../out' });
    expect(back?.tree.get('a')).toMatchObject({ kind: 'directory', mode: 0o700 });
  });

  it('comes back with the block hashes of large files, and their times in the container', () => {
    const blocks = (sizeBytes: number): Buffer => Buffer.alloc(notesLength(sizeBytes), sizeBytes & 255);
    const large = (sizeBytes: number, leftMtimeNs: bigint | undefined): LocalEntry => ({
      ...file('x'),
      kind: 'file',
      mode: 0o644,
      sha256: 'ab'.repeat(32),
      sizeBytes,
      blocks: blocks(sizeBytes),
      leftMtimeNs,
    });
    const entries = {
      a: large(5_000_001, 1_500_000_000_123_456_789n),
      b: file('small'),
      c: large(9_000_000, undefined),
    };
    const encoded = encode({ ...deployment, tree: tree(entries) });
    const back = decode(encoded)?.tree;
    expect(new Map(back)).toEqual(tree(entries));
    for (const length of [encoded.length - 1, encoded.length - 5_000])
      expect(decodeDeployment(encoded.subarray(0, length))).toBeUndefined();
  });

  it('comes back as the difference from an earlier one', () => {
    const since = { token: 'v1.before', gone: ['b', 'b/c\n'] };
    expect(decodeDeployment(encode(deployment, since))).toMatchObject({ since });
    expect(decodeDeployment(encode(deployment))?.since).toBeUndefined();
  });

  it('of an empty folder comes back', () => {
    const empty = { ...deployment, tree: tree({}) };
    expect(decode(encode(empty))?.tree.size).toBe(0);
  });

  it.each([
    '',
    '{',
    'null\n',
    '[]\n',
    '{"version":1,"tree":[]}',
    '{"version":2}\n',
    '{"version":2,"entries":7}\n',
  ])('is as good as lost when its file holds %j', (text) => {
    expect(decodeDeployment(Buffer.from(text))).toBeUndefined();
  });

  it('is as good as lost when its file was cut anywhere', () => {
    const whole = encode(deployment);
    for (let length = 0; length < whole.length; length++)
      expect(decodeDeployment(whole.subarray(0, length))).toBeUndefined();
  });
});

describe('withoutRacyStamp', () => {
  it('has a file read again that was written within two seconds of the scan, and trusts an older one', () => {
    const written = { mtimeMs: 10_000, ctimeMs: 10_000, inode: 7 };
    const entry = { ...file('x'), stamp: written };
    expect(withoutRacyStamp(entry, 11_999).stamp).not.toEqual(written);
    expect(withoutRacyStamp(entry, 12_001).stamp).toEqual(written);
  });
});
