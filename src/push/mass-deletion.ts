import { RdtError } from '../errors.js';
import type { TreeEntry } from '../sync/tree.js';
import type { EmitPushEvent } from './push-event.js';
import type { PushJob } from './push-job.js';
import type { PlannedSync } from './push-state.js';

/** A folder that suddenly holds less than half of what it held is more often a mistake than a wish (SYNC.md, rule 4), and so is one that holds nothing. */
const MASS_DELETION = { share: 0.5, atLeast: 100 };

/** The plan without what is held back, where the job does that. @throws RdtError as `refuseMassDeletion` where it does not, or something is to take the place of what goes. */
export function withinReason(job: PushJob, emit: EmitPushEvent, planned: PlannedSync): PlannedSync {
  const { heldBack } = job;
  const { plan } = planned;
  // It has been asked already.
  if (plan.heldBack !== undefined) return planned;
  if (heldBack === undefined) {
    refuseMassDeletion(job, planned);
    return planned;
  }
  const waiting = new Set(heldBack.of(plan.deletions));
  const due = {
    ...planned,
    plan: { ...plan, deletions: plan.deletions.filter((each) => !waiting.has(each)) },
  };
  const what = massDeletion(due);
  if (what === undefined && waiting.size === 0) return planned;
  if (what === undefined) return { ...due, plan: { ...due.plan, heldBack: [...waiting] } };
  if (plan.obstacles.length > 0) throw refused(what);
  heldBack.add(due.plan.deletions);
  const message = `${what} are gone from the folder, which looks like a mistake: the app keeps them until they are back, or rdt runs with --force; all else is synced`;
  emit({ type: 'warning', message });
  return { ...planned, plan: { ...plan, deletions: [], heldBack: plan.deletions } };
}

/** @throws RdtError when so much would be deleted that it has to be said twice. */
export function refuseMassDeletion(job: PushJob, planned: PlannedSync): void {
  const what = job.force ? undefined : massDeletion(planned);
  if (what !== undefined) throw refused(what);
}

const refused = (what: string, why = ''): RdtError =>
  new RdtError(`${why}this push would delete ${what}`, {
    hint: 'If that is what you want, push again with --force. None of them was deleted.',
  });

/** Undefined where no more goes than people delete. @throws RdtError when nothing is in the folder. */
function massDeletion(planned: PlannedSync): string | undefined {
  const { deletions, obstacles } = planned.plan;
  if (deletions.length + obstacles.length === 0) return undefined;
  if (planned.local.tree.size === 0)
    throw refused('all files that it once sent', 'nothing is in the folder: ');
  const going = [...deletions, ...obstacles].filter(isNoFolder).length;
  if (going < MASS_DELETION.atLeast) return undefined;
  const sent = countSent(planned);
  return going <= sent * MASS_DELETION.share ? undefined : `${going} of the ${sent} files that it once sent`;
}

/**
 * How many files and links of ours go, or stay. What an image was built from and a sync ignores does neither. A container that could not be asked is
 * taken to hold the folder: all that is known of it is what goes.
 */
function countSent({ plan, local, deployed }: PlannedSync): number {
  const going = new Set([...plan.deletions, ...plan.obstacles].map(({ path }) => path));
  const held = new Map<string, Pick<TreeEntry, 'kind'>>(deployed.tree);
  if (deployed.knowledge === 'none') for (const [path, entry] of local.tree) held.set(path, entry);
  return [...held].filter(([path, entry]) => isNoFolder(entry) && (going.has(path) || local.tree.has(path)))
    .length;
}

const isNoFolder = ({ kind }: Pick<TreeEntry, 'kind'>): boolean => kind !== 'directory';
