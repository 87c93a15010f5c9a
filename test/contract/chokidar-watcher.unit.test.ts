import { ChokidarWatcher } from '../../src/watch/chokidar/chokidar-watcher.js';
import { watcherContract } from './watcher-contract.js';

watcherContract('ChokidarWatcher', (options) => ChokidarWatcher.open(options));
