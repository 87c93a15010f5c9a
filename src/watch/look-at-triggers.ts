import type { Session } from './watch-deps.js';
import type { TriggerLook } from './trigger-look.js';

/** What changed triggers and a changed project file call for. */
export type TriggerVerdict = 'nothing' | 'build' | 'project-changed';

/** @throws RdtError when a trigger cannot be read, or the source has gone: it takes all triggers along, and none of them has changed. */
export async function lookAtTriggers(
  session: Session,
  triggers: TriggerLook,
): Promise<{ readonly verdict: TriggerVerdict; readonly reasons: readonly string[] }> {
  const { memory, held, folder } = session;
  await folder.edition(held.signal);
  const { reasons, projectFileChanged } = await triggers.look(held.signal);
  memory.buildReasons = [...new Set([...memory.buildReasons, ...reasons])];
  if (projectFileChanged && (await session.projectHasChanged())) {
    return { verdict: 'project-changed', reasons: ['.resin-sync.yml changed'] };
  }
  return { verdict: reasons.length > 0 ? 'build' : 'nothing', reasons };
}
