import { refuseMountedPaths } from '../sync/mounted-path.js';
import { seenFrom } from '../sync/mounts.js';
import type { Container } from '../transport/engine.js';
import { refuseMassDeletion } from './mass-deletion.js';
import type { PushJob } from './push-job.js';
import type { PlannedSync } from './push-state.js';

/** What can be said of a plan before anything is sent. @throws RdtError as `refuseMassDeletion` and `refuseMountedPaths`. */
export function refusePlan(job: PushJob, container: Container, planned: PlannedSync): void {
  const { destination } = job.settings;
  const { plan, local, deployed } = planned;
  refuseMassDeletion(job, planned);
  refuseMountedPaths(
    { container: seenFrom(container, destination, deployed.marks.place), destination },
    local.tree,
    plan,
  );
}
