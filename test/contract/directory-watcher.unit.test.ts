import { DirectoryWatcher } from '../../src/watch/directories/directory-watcher.js';
import { watcherContract } from './watcher-contract.js';

watcherContract('DirectoryWatcher', (options) => Promise.resolve(new DirectoryWatcher(options)));
