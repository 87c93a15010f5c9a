import { RdtError } from '../errors.js';
import { newPackedFiles } from '../sync/commit-archive.js';
import type { Deployment } from '../sync/deployment.js';
import { deployedTree } from '../sync/deployed-tree.js';
import { isEmptyPlan, planSync } from '../sync/sync-plan.js';
import type { Session } from './watch-deps.js';

/**
 * The same deployment as changes of the tree that the folder keeps: from then on a batch takes the time of what changed, not of the
 * whole tree. As it is when folder and container differ, or the folder cannot be read just now.
 */
export async function rebased(
  { folder, held }: Pick<Session, 'folder' | 'held'>,
  deployment: Deployment,
): Promise<Deployment> {
  try {
    const { tree: local, isIgnored, scannedAtMs } = await folder.refresh(deployment.tree, held.signal);
    const plan = planSync({ deployed: deployment.tree, local, isIgnored });
    if (!isEmptyPlan(plan)) return deployment;
    const deployed = {
      tree: deployment.tree,
      left: new Map(),
      knowledge: 'token',
      remembered: deployment,
    } as const;
    return { ...deployment, tree: deployedTree({ local, plan, deployed, scannedAtMs }, newPackedFiles()) };
  } catch (error) {
    if (!(error instanceof RdtError)) throw error;
    return deployment;
  }
}
