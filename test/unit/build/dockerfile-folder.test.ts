import { expect, it } from 'vitest';
import type { OfferedEntry } from '../../../src/build/context/context-files.js';
import { dockerfileFolder } from '../../../src/transport/docker/session/dockerfile-folder.js';

const common = { rawPath: undefined, mode: 0o644, mtimeSeconds: 0, mtimeNs: 0n };
const file = (path: string): OfferedEntry => ({ ...common, path, type: 'file', sizeBytes: 0 });
const folder = (path: string): OfferedEntry => ({ ...common, path, type: 'folder' });
const link = (path: string, target: string): OfferedEntry => ({
  ...common,
  path,
  type: 'symlink',
  target: Buffer.from(target),
});

const needed = (dockerfile: string, ...entries: readonly OfferedEntry[]): string[] =>
  dockerfileFolder(entries, dockerfile).map(({ path }) => path);

it.each([
  ['a file', 'Dockerfile', [file('Dockerfile'), file('x')], ['Dockerfile']],
  ['in a folder', 'a/b/D', [folder('a'), folder('a/b'), file('a/b/D'), file('a/x')], ['a', 'a/b', 'a/b/D']],
  [
    'a link',
    'Dockerfile',
    [link('Dockerfile', 'a/../a/D'), folder('a'), file('a/D')],
    ['Dockerfile', 'a', 'a/D'],
  ],
  [
    'behind a link, with a link up',
    'l/D',
    [folder('a'), link('a/D', '../D'), file('D'), link('l', './a')],
    ['a', 'a/D', 'D', 'l'],
  ],
  ['a link that leads out', 'Dockerfile', [link('Dockerfile', '../D'), file('D')], ['Dockerfile']],
  ['an absolute link', 'Dockerfile', [link('Dockerfile', '/D'), file('D')], ['Dockerfile']],
  ['a circle', 'a', [link('a', 'b'), link('b', 'a')], ['a', 'b']],
])('a Dockerfile that is %s', (_, dockerfile, entries, paths) => {
  expect(needed(dockerfile, ...entries)).toEqual(paths);
});
