import type { Runtime } from '../runtime.js';
import { DirectoryWatcher } from '../watch/directories/directory-watcher.js';
import { openWithFallback } from '../watch/fallback-watcher.js';
import type { OpenWatcher } from '../watch/watcher.js';

const POLL_EVERY_MS = 1000;

/** How a folder is watched on this system; `poll` is `--poll`, for folders whose changes the system does not tell. */
export function watcherFor(
  { platform, clock }: Pick<Runtime, 'platform' | 'clock'>,
  poll: boolean,
): OpenWatcher {
  const polling: OpenWatcher = async (options) => {
    const { PollingWatcher } = await import('../watch/polling/polling-watcher.js');
    return new PollingWatcher(options, clock, POLL_EVERY_MS);
  };
  if (poll) return polling;
  return (options) => openWithFallback(eventsOf(platform), polling, options);
}

function eventsOf(platform: NodeJS.Platform): OpenWatcher {
  if (platform === 'linux') return openDirectories;
  return platform === 'win32' ? openRecursive : openChokidar;
}

const openDirectories: OpenWatcher = (options) => Promise.resolve(new DirectoryWatcher(options));

const openRecursive: OpenWatcher = async (options) => {
  const { RecursiveWatcher } = await import('../watch/recursive/recursive-watcher.js');
  return new RecursiveWatcher(options);
};

const openChokidar: OpenWatcher = async (options) => {
  const { ChokidarWatcher } = await import('../watch/chokidar/chokidar-watcher.js');
  return ChokidarWatcher.open(options);
};
