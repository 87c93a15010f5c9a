import { describe } from 'vitest';
import { RecursiveWatcher } from '../../src/watch/recursive/recursive-watcher.js';
import { watcherContract } from './watcher-contract.js';

/** Elsewhere Node plays it by itself, and loses folders that are replaced (nodejs/node#48437). */
describe.skipIf(process.platform !== 'win32')('on Windows', () => {
  watcherContract('RecursiveWatcher', (options) => Promise.resolve(new RecursiveWatcher(options)));
});
