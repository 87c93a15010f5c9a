import type { OnChangeRule } from '../project/on-change.js';
import { type Deployment, type DeploymentStore, unknownDeployment } from '../sync/deployment.js';
import type { Container } from '../transport/engine.js';
import type { PushJob } from './push-job.js';
import type { PlannedSync } from './push-state.js';

/**
 * The rules as a deployment names them. What is noted there before an app knows what it was sent, and taken back after it, is made good by
 * the next push, whatever has ended this one.
 */
export const owedBy = (rules: Iterable<OnChangeRule>): readonly string[] =>
  Array.from(rules, ({ run }) => run);

/** The rules of the project that a deployment still owes. */
export const owedRules = (
  { settings }: PushJob,
  deployment: Deployment | undefined,
): readonly OnChangeRule[] => settings.onChange.filter(({ run }) => deployment?.owed?.includes(run) === true);

/** An earlier push was cut off before the app knew what it had sent. */
export const isOwing = ({ deployed }: Pick<PlannedSync, 'deployed'>): boolean =>
  deployed.remembered?.owed !== undefined;

/** Undefined for an app that has been told everything. */
export async function noteOwed(
  { settings: { source, destination } }: PushJob,
  store: DeploymentStore,
  { id: containerId }: Container,
  owed: Deployment['owed'],
): Promise<void> {
  const deployment = (await store.load(containerId)) ?? unknownDeployment(containerId, source, destination);
  await store.save({ ...deployment, owed });
}
