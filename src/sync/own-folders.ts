import { isAbsolute, join, relative, resolve } from 'node:path';
import type { Runtime } from '../runtime.js';
import { stateDirectory } from '../state-directory.js';
import type { IgnoreRules } from './ignore-rules.js';
import { rulesOfSource, type SourceRules } from './local-state.js';

type Surroundings = Pick<Runtime, 'env' | 'platform'>;

/** As `rulesOfSource`, without what rdt itself writes below the source. */
export const rulesOfProject = (settings: Omit<SourceRules, 'platform'>, runtime: Surroundings): IgnoreRules =>
  rulesOfSource({
    ...settings,
    ignore: [...settings.ignore, ...ownFolders(settings.source, runtime)],
    platform: runtime.platform,
  });

/**
 * Patterns for what rdt itself writes below the source, where that is somebody's home: each sync would make the next one
 * necessary. The cache is that of `bin/code-cache.js`.
 */
export function ownFolders(source: string, runtime: Surroundings): string[] {
  const { RDT_STATE_DIR: own, XDG_STATE_HOME: state, XDG_CACHE_HOME: xdg, HOME: home } = runtime.env;
  // Without one of these nothing can be kept.
  const keeps = [own, state, home, runtime.env['LOCALAPPDATA']].some(Boolean);
  const caches = [xdg, home && join(home, '.cache'), home && join(home, 'Library', 'Caches')];
  const folders = caches.flatMap((cache) => (cache ? [join(cache, 'rdt')] : []));
  if (keeps) folders.push(stateDirectory(runtime));
  return folders.flatMap((folder) => patternBelow(source, resolve(folder)));
}

function patternBelow(source: string, folder: string): string[] {
  const path = relative(source, folder);
  if (path === '' || isAbsolute(path) || /^\.\.(?:[/\\]|$)/.test(path)) return [];
  return [`/${path.replace(/[*?[]/g, '[$&]')}`];
}
