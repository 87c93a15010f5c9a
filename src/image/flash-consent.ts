import { ExitCode, RdtError } from '../errors.js';
import type { Drive } from './flash-drive.js';
import { standingOf, type ImageNeeds } from './flash-drive-rules.js';
import type { FlashPlan } from './flash-event.js';

/** Asks the person at the terminal. All reject with the signal's reason when it aborts. */
export interface FlashDialog {
  /** One drive of a list that is asked for again and again, so that a card which is plugged in meanwhile appears. */
  chooseDrive(list: () => Promise<readonly Drive[]>, signal: AbortSignal): Promise<Drive>;
  /** True when all drives of the plan may be erased. */
  confirm(plan: FlashPlan, signal: AbortSignal): Promise<boolean>;
  /** What the person typed when asked for the name of a drive that is not like a card. */
  typeName(drive: Drive, why: string, signal: AbortSignal): Promise<string>;
}

/** Resolves when every drive of the plan may be erased. Throws an `RdtError` when not; nothing has been written then. */
export async function askConsent(
  plan: FlashPlan,
  needs: ImageNeeds,
  given: { readonly yes: boolean; readonly force: boolean },
  dialog: FlashDialog | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (given.yes && given.force) return;
  for (const drive of plan.drives) {
    const standing = standingOf(drive, needs);
    if (standing.kind !== 'needs-name') continue;
    if (given.yes || dialog === undefined) throw needsForce(drive, standing.why);
    const typed = await dialog.typeName(drive, standing.why, signal);
    if (!isNameOf(typed.trim(), drive)) throw declined(`the name that was typed is not ${drive.path}`);
  }
  if (given.yes || dialog === undefined) return;
  if (!(await dialog.confirm(plan, signal))) throw declined('declined');
}

/** `/dev/sdb`, or `sdb`. */
const isNameOf = (typed: string, { path }: Drive): boolean =>
  typed === path || (typed !== '' && path.endsWith(`/${typed}`));

const needsForce = (drive: Drive, why: string): RdtError =>
  new RdtError(`${drive.path} needs more than --yes: ${why}`, {
    exitCode: ExitCode.usage,
    hint: 'Add --force if it is the right one. Nothing was written.',
  });

const declined = (why: string): RdtError => new RdtError(`${why}: nothing was written`);
