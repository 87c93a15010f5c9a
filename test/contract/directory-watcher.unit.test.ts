import { describe } from 'vitest';
import { DirectoryWatcher } from '../../src/watch/directories/directory-watcher.js';
import { watcherContract } from './watcher-contract.js';

/** There the whole tree is watched at once (`RecursiveWatcher`). */
describe.skipIf(process.platform === 'win32')('not on Windows', () => {
  watcherContract('DirectoryWatcher', (options) => Promise.resolve(new DirectoryWatcher(options)));
});
