// Run by inotify-limit.test.ts where the system grants few watches: edits a file in the last of 60 folders, and prints what was seen.
import { watcherFor } from '../../../src/wiring/watcher.js';
import { systemClock } from '../../../src/system-clock.js';
import { WatchedFolder } from './watched-folder.js';

const folders = Array.from({ length: 60 }, (_, folder): [string, string] => [`d${folder}/file`, 'one']);
const openWatcher = watcherFor({ platform: 'linux', clock: systemClock }, false);
await using watched = await WatchedFolder.open(Object.fromEntries(folders), { openWatcher });
await watched.tree();
watched.write('d59/file', 'edited');
for (;;) {
  const edited = (await watched.next()).get('d59/file');
  if (edited?.kind === 'file' && edited.sizeBytes === 'edited'.length) break;
}
process.stdout.write(JSON.stringify({ watching: watched.folder.watching, warnings: watched.warnings }));
