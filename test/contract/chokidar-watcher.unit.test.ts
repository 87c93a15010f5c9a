import { describe } from 'vitest';
import { ChokidarWatcher } from '../../src/watch/chokidar/chokidar-watcher.js';
import { watcherContract } from './watcher-contract.js';

/** There the whole tree is watched at once (`RecursiveWatcher`). */
describe.skipIf(process.platform === 'win32')('not on Windows', () => {
  watcherContract('ChokidarWatcher', (options) => ChokidarWatcher.open(options));
});
