import { ExitCode, RdtError } from '../errors.js';
import type { Container } from '../transport/engine.js';
import type { PushDeps, PushJob } from './push-job.js';

/** On the container: who had it made, and of which folder: `anna@laptop:/home/anna/server`. */
const PUSHED_FROM_LABEL = 'io.resin.rdt.pushed-from';

export const pushedFromLabel = (
  { settings }: PushJob,
  { pusher }: PushDeps,
): Readonly<Record<string, string>> => ({ [PUSHED_FROM_LABEL]: `${pusher}:${settings.source}` });

/**
 * The app of another project has the same name when both folders are called the same. Whoever was told the name, by a flag or by the project
 * file, may take the app over, as teams, CI and moved folders do.
 * @throws RdtError (usage) when nothing but the folder's name says that the app is this project's.
 */
export async function refuseAppOfOthers(job: PushJob, deps: PushDeps, container: Container): Promise<void> {
  if (!job.isNameGuessed) return;
  const from = container.labels[PUSHED_FROM_LABEL];
  if (from === pushedFromLabel(job, deps)[PUSHED_FROM_LABEL]) return;
  const { appName, source } = job.settings;
  // The label of an older version is missing, and a computer's name changes.
  if ((await deps.store.load(container.id))?.source === source) return;
  const origin = from === undefined ? '' : `, pushed from ${from}`;
  throw new RdtError(`the device has an app ${appName} already${origin}: it may be another project's`, {
    hint: `Only the name of this folder says that it is this one's. Push with \`--app-name ${appName}\` to take that app over, or choose another name.`,
    exitCode: ExitCode.usage,
  });
}
