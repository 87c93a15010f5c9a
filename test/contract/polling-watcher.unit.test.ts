import { PollingWatcher } from '../../src/watch/polling/polling-watcher.js';
import { realClock } from '../unit/watch/watched-folder.js';
import { watcherContract } from './watcher-contract.js';

watcherContract('PollingWatcher', (options) => Promise.resolve(new PollingWatcher(options, realClock, 20)));
