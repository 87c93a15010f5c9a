import { rulesOfSource } from '../src/sync/local-state.js';
import { systemClock } from '../src/system-clock.js';
import { LocalFolder } from '../src/watch/local-folder.js';
import { watcherFor } from '../src/wiring/watcher.js';

/**
 * usage: watch-alone.ts FOLDER      prints after how many ms the folder is watched and known, counted as in SYNC.md, section 5:
 * in a new process, without its start, and without a device.
 */
const [source = '.'] = process.argv.slice(2);
const { platform } = process;
const startMs = performance.now();
const folder = await LocalFolder.open(
  {
    source,
    platform,
    clock: systemClock,
    openWatcher: watcherFor({ platform, clock: systemClock }, false),
    rules: () => rulesOfSource({ source, ignore: [], skipGitignore: false, platform }),
    warn: (message) => console.error(message),
  },
  new AbortController().signal,
);
console.log(performance.now() - startMs);
await folder[Symbol.asyncDispose]();
