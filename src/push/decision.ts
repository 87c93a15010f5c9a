import type { TriggerChanges } from '../sync/build-triggers.js';
import type { Container, Image } from '../transport/engine.js';

/** Whether a push builds a new image, and every reason for it. */
export interface Decision {
  readonly action: 'build' | 'sync';
  readonly reasons: readonly string[];
}

/** A push syncs when nothing calls for a build, and what calls for one are the triggers or what the device lacks. */
const SYNC: Decision = { action: 'sync', reasons: ['no build trigger changed'] };

export interface DecisionInput {
  readonly app: string;
  readonly forceBuild: boolean;
  /** `--build-triggers` was given. */
  readonly triggersGiven: boolean;
  /** Undefined when the project file has none saved. */
  readonly triggerChanges: TriggerChanges | undefined;
  /** Since the container's image was built; undefined when the device does not tell. */
  readonly changesSinceBuilt: TriggerChanges | undefined;
  readonly image: Image | undefined;
  readonly container: Container | undefined;
}

/** Pure. The rules are those of the original (device-facts, "What the original did, and we keep"). */
export function decide(input: DecisionInput): Decision {
  const { app, image, container, triggerChanges } = input;
  const reasons: string[] = [];
  if (input.forceBuild) reasons.push('--force-build was given');
  if (input.triggersGiven) reasons.push('--build-triggers was given');
  if (triggerChanges === undefined) reasons.push('no build is recorded for this folder');
  else reasons.push(...describeChanges(triggerChanges), ...describeOtherBuild(input, triggerChanges));
  if (image === undefined) reasons.push(`the device has no image ${app}`);
  if (container === undefined) reasons.push(`the device has no container ${app}`);
  else if (image !== undefined && container.imageId !== image.id) {
    reasons.push(`the container ${app} was made from another image`);
  }
  return reasons.length === 0 ? SYNC : { action: 'build', reasons };
}

/** The project file belongs to the folder: another device, or another branch's push, may have left something else there. */
function describeOtherBuild({ changesSinceBuilt }: DecisionInput, told: TriggerChanges): string[] {
  if (changesSinceBuilt === undefined) return [];
  const { changed, appeared, vanished } = changesSinceBuilt;
  const known = new Set([...told.changed, ...told.appeared, ...told.vanished]);
  const news = (paths: readonly string[]): string[] => paths.filter((path) => !known.has(path));
  return [
    ...news(changed).map((path) => `${path} is not the one that the app on the device was built from`),
    ...news(appeared).map((path) => `the app on the device was built without ${path}`),
    ...news(vanished).map((path) => `the app on the device was built with ${path}, which is gone`),
  ];
}

function describeChanges({ changed, appeared, vanished }: TriggerChanges): string[] {
  return [
    ...changed.map((path) => `${path} changed`),
    ...appeared.map((path) => `${path} is new`),
    ...vanished.map((path) => `${path} is gone`),
  ];
}
