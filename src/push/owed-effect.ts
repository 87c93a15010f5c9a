import type { OnChangeRule } from '../project/on-change.js';
import { type Deployment, unknownDeployment } from '../sync/deployment.js';
import type { Container } from '../transport/engine.js';
import { rulesOf } from './on-change.js';
import type { HeldDeps, PushJob } from './push-job.js';
import type { PlannedSync } from './push-state.js';

/**
 * The rules as a deployment names them. What is noted there before an app knows what it was sent, and taken back after it, is made good by
 * the next push, whatever has ended this one.
 */
export const owedBy = (rules: Iterable<OnChangeRule>): readonly string[] =>
  Array.from(rules, ({ run }) => run);

/** The rules that a sync calls for, or an earlier one still owes, in the project's order. */
export function dueRules(job: PushJob, { plan, local, owed }: PlannedSync): readonly OnChangeRule[] {
  const called = new Set(rulesOf(job, plan, local.tree));
  return job.settings.onChange.filter((rule) => called.has(rule) || owed?.includes(rule.run));
}

/** An earlier push was cut off before the app knew what it had sent. */
export const isOwing = ({ owed }: Pick<PlannedSync, 'owed'>): boolean => owed !== undefined;

/** Undefined for an app that has been told everything. */
export async function noteOwed(
  { settings: { source, destination } }: PushJob,
  { store, debt }: Pick<HeldDeps, 'store' | 'debt'>,
  { id: containerId }: Container,
  owed: Deployment['owed'],
): Promise<void> {
  if (owed === undefined) debt.settle();
  else debt.owe(containerId, owed);
  const deployment = (await store.load(containerId)) ?? unknownDeployment(containerId, source, destination);
  await store.save({ ...deployment, owed });
}
