import type { Container, ContainerRestart, Engine } from '../transport/engine.js';
import { EngineError, isMissing } from '../transport/engine-error.js';

/** Of the container that takes another one's place: the restart policy that the other one had, `<name>:<retries>`. It outlives a push that is killed. */
const REPLACED_RESTART_LABEL = 'io.resin.rdt.replaced-restart';

const NEVER: ContainerRestart = { name: 'no', maximumRetries: 0 };

export function replacedRestartLabel(previous: Container | undefined): Readonly<Record<string, string>> {
  if (previous === undefined) return {};
  const { name, maximumRetries } = previous.restartPolicy;
  return { [REPLACED_RESTART_LABEL]: `${name}:${maximumRetries}` };
}

/** Undefined for a container that took nobody's place, or was made by an rdt that left the policy as it was. */
export function replacedRestart({ labels }: Pick<Container, 'labels'>): ContainerRestart | undefined {
  const [name, maximumRetries] = labels[REPLACED_RESTART_LABEL]?.split(':') ?? [];
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
export async function changeRestart(
  engine: Engine,
  { id, restartPolicy }: Container,
  policy: ContainerRestart,
  signal: AbortSignal,
): Promise<void> {
  if (restartPolicy.name === policy.name && restartPolicy.maximumRetries === policy.maximumRetries) return;
  await engine.setRestartPolicy(id, policy, signal);
}
