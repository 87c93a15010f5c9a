import { DirectoryWatcher } from '../watch/directories/directory-watcher.js';
import { openWithFallback } from '../watch/fallback-watcher.js';
import type { OpenWatcher } from '../watch/watcher.js';

const POLL_EVERY_MS = 1000;

/** How a folder is watched on this system; `poll` is `--poll`, for folders whose changes the system does not tell. */
export function watcherFor(platform: NodeJS.Platform, poll: boolean): OpenWatcher {
  if (poll) return openPolling;
  const first = platform === 'linux' ? openDirectories : openChokidar;
  return (options) => openWithFallback(first, openPolling, options);
}

const openDirectories: OpenWatcher = (options) => Promise.resolve(new DirectoryWatcher(options));

const openChokidar: OpenWatcher = async (options) => {
  const { ChokidarWatcher } = await import('../watch/chokidar/chokidar-watcher.js');
  return ChokidarWatcher.open(options, { kind: 'events' });
};

const openPolling: OpenWatcher = async (options) => {
  const { ChokidarWatcher } = await import('../watch/chokidar/chokidar-watcher.js');
  return ChokidarWatcher.open(options, { kind: 'polling', everyMs: POLL_EVERY_MS });
};
