import { describe } from 'vitest';
import { DirectoryWatcher } from '../../src/watch/directories/directory-watcher.js';
import { watcherContract } from './watcher-contract.js';

/** Elsewhere `fs.watch` is not inotify, and rdt takes another way of watching (`wiring/watcher.ts`). */
describe.runIf(process.platform === 'linux')('on Linux', () => {
  watcherContract('DirectoryWatcher', (options) => Promise.resolve(new DirectoryWatcher(options)));
});
