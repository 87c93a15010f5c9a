import type { Container, ContainerRestart, Engine } from '../transport/engine.js';
import { EngineError, isMissing } from '../transport/engine-error.js';
import type { HeldDeps } from './push-job.js';

/** Of the container that takes another one's place: the restart policy that the other one had, `<name>:<retries>`. It outlives a push that is killed. */
const REPLACED_RESTART_LABEL = 'io.resin.rdt.replaced-restart';

/** Of each container of ours: the restart policy that it was made with. On a full disk one that comes back has still that of one aside. */
const OWN_RESTART_LABEL = 'io.resin.rdt.restart';

const NEVER: ContainerRestart = { name: 'no', maximumRetries: 0 };

export function replacedRestartLabel(previous: Container | undefined): Readonly<Record<string, string>> {
  if (previous === undefined) return {};
  return { [REPLACED_RESTART_LABEL]: written(wantedRestart(previous)) };
}

export const ownRestartLabel = (policy: ContainerRestart): Readonly<Record<string, string>> => ({
  [OWN_RESTART_LABEL]: written(policy),
});

const written = ({ name, maximumRetries }: ContainerRestart): string => `${name}:${maximumRetries}`;

/** What it has, or was made with when that was put off and could not be put back. */
export const wantedRestart = ({ labels, restartPolicy }: Container): ContainerRestart =>
  restartPolicy.name === NEVER.name ? (read(labels[OWN_RESTART_LABEL]) ?? restartPolicy) : restartPolicy;

export const isRestartLost = (container: Container): boolean =>
  wantedRestart(container).name !== container.restartPolicy.name;

/** Undefined for a container that took nobody's place, or was made by an rdt that left the policy as it was. */
export function replacedRestart({ labels }: Pick<Container, 'labels'>): ContainerRestart | undefined {
  return read(labels[REPLACED_RESTART_LABEL]);
}

function read(label: string | undefined): ContainerRestart | undefined {
  const [name, maximumRetries] = label?.split(':') ?? [];
  return name === undefined ? undefined : { name, maximumRetries: Number(maximumRetries) };
}

/** Also after an exit code 0. */
export const isAlwaysRestarted = (policy: string | undefined): boolean =>
  policy === 'always' || policy === 'unless-stopped';

/** A container that was put aside is not to run beside the new one when the device starts again. */
export async function restartNoMore(engine: Engine, old: Container, signal: AbortSignal): Promise<void> {
  await couldChange(engine, old, NEVER, signal);
}

/** False when the engine could not do it now, such as on a full disk. */
export async function couldChange(
  engine: Engine,
  old: Container,
  policy: ContainerRestart,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await changeRestart(engine, old, policy, signal);
    return true;
  } catch (error) {
    if (!(error instanceof EngineError) || isMissing(error)) throw error;
    return false;
  }
}

/** @throws EngineError */
async function changeRestart(
  engine: Engine,
  { id, restartPolicy }: Container,
  policy: ContainerRestart,
  signal: AbortSignal,
): Promise<void> {
  if (restartPolicy.name === policy.name && restartPolicy.maximumRetries === policy.maximumRetries) return;
  await engine.setRestartPolicy(id, policy, signal);
}

/** After a push that was taken back on a full disk, or killed. The app runs, so a refusal is a warning. */
export async function restoreRestart(
  { engine, emit, lost }: Pick<HeldDeps, 'engine' | 'emit' | 'lost'>,
  app: string,
  container: Container,
): Promise<void> {
  if (!isRestartLost(container)) return;
  const policy = wantedRestart(container);
  const isRestored = await couldChange(engine, container, policy, lost);
  const outcome = isRestored ? 'has it again' : 'cannot have it back now: is the disk of the device full?';
  emit({ type: 'warning', message: `${app} had lost its restart policy ${policy.name}, and ${outcome}` });
}
