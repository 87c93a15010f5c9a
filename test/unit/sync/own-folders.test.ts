import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createIgnoreRules } from '../../../src/sync/ignore-rules.js';
import { ownFolders } from '../../../src/sync/own-folders.js';

const HOME = join('/home', 'anna [*]?');

/** What of these is left out of a sync of `source`. */
function ignored(
  source: string,
  env: Readonly<Record<string, string>>,
  folders: readonly string[],
): string[] {
  const patterns = ownFolders(source, { env, platform: 'linux' });
  const rules = createIgnoreRules({ patterns, readIgnoreFile: undefined, ignoreCase: false }).enter(
    '',
    false,
  );
  return folders.filter((folder) => rules.isIgnored(folder, true));
}

it('what rdt writes below a home that is pushed is left out, and nothing else', () => {
  const own = ['.local/state/rdt', '.cache/rdt'];
  const others = ['.local/state', '.local/state/rdt2', '.cache', 'rdt', 'sub/.cache/rdt'];
  expect(ignored(HOME, { HOME }, [...own, ...others])).toEqual(own);
});

it('its place is named by the environment, and may have characters of patterns', () => {
  const env = { HOME, RDT_STATE_DIR: '/src/a[b]*', XDG_CACHE_HOME: '/src/cache' };
  expect(ignored('/src', env, ['a[b]*', 'cache/rdt', 'ab', 'abc', 'cache'])).toEqual(['a[b]*', 'cache/rdt']);
});

it.each(['/src/sub', '/src2', '/', '/home'])(
  'nothing is left out of /src with a home in %s, unless it is there',
  (home) => {
    const env = { HOME: home };
    const folders = ['.cache/rdt', 'sub/.cache/rdt'];
    expect(ignored('/src', env, folders)).toEqual(home === '/src/sub' ? ['sub/.cache/rdt'] : []);
  },
);

it('a folder that is the whole source is no reason to send nothing', () => {
  expect(ownFolders('/src', { env: { RDT_STATE_DIR: '/src' }, platform: 'linux' })).toEqual([]);
});
