import { PollingWatcher } from '../../src/watch/polling/polling-watcher.js';
import { systemClock } from '../../src/system-clock.js';
import { watcherContract } from './watcher-contract.js';

watcherContract('PollingWatcher', (options) => Promise.resolve(new PollingWatcher(options, systemClock, 20)));
