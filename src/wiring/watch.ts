import type { PushRequest } from '../push/push-project.js';
import type { Runtime } from '../runtime.js';
import { rulesOfProject } from '../sync/own-folders.js';
import { takesConnection } from '../transport/tcp/takes-connection.js';
import { createBuildView } from '../ui/build-view.js';
import { createLogView } from '../ui/log-view.js';
import { createPushView } from '../ui/push-view.js';
import { createWatchJsonView, createWatchView } from '../ui/watch-view.js';
import { withoutEditorFiles } from '../watch/editor-files.js';
import { LocalFolder } from '../watch/local-folder.js';
import type { WatchDeps } from '../watch/watch-deps.js';
import { watchProject } from '../watch/watch-project.js';
import { projectDeps, type PushOptions } from './push.js';
import { watcherFor } from './watcher.js';

export interface WatchOptions extends PushOptions {
  /** `--poll` */
  readonly poll: boolean;
}

/** `rdt push --watch` with its real parts. */
export function wireWatch(runtime: Runtime, options: WatchOptions): (request: PushRequest) => Promise<void> {
  const { platform, clock } = runtime;
  const view = options.json ? createWatchJsonView(runtime) : textView(runtime, options);
  const deps: WatchDeps = {
    ...projectDeps(runtime, options),
    emit: (event) => view.emit(event),
    reach: takesConnection,
    showOutput: (lines) => view.showOutput(lines),
    openFolder: (settings, signal) =>
      LocalFolder.open(
        {
          source: settings.source,
          platform,
          clock,
          openWatcher: watcherFor(runtime, options.poll),
          rules: () => withoutEditorFiles(rulesOfProject(settings, runtime)),
          warn: (message) => view.emit({ type: 'warning', message }),
        },
        signal,
      ),
  };
  return (request) => watchProject(request, deps);
}

const textView = (runtime: Runtime, { timing }: WatchOptions) =>
  createWatchView(runtime, {
    timing,
    showPush: createPushView(runtime, { timing, showBuild: createBuildView(runtime) }),
    log: createLogView(runtime, { json: false, timestamps: false, raw: false, color: true }),
  });
