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
  else reasons.push(...describeChanges(triggerChanges));
  if (image === undefined) reasons.push(`the device has no image ${app}`);
  if (container === undefined) reasons.push(`the device has no container ${app}`);
  else if (image !== undefined && container.imageId !== image.id) {
    reasons.push(`the container ${app} was made from another image`);
  }
  return reasons.length === 0 ? SYNC : { action: 'build', reasons };
}

function describeChanges({ changed, appeared, vanished }: TriggerChanges): string[] {
  return [
    ...changed.map((path) => `${path} changed`),
    ...appeared.map((path) => `${path} is new`),
    ...vanished.map((path) => `${path} is gone`),
  ];
}
