import type { RdtError } from '../errors.js';
import type { Session } from './watch-deps.js';
import type { TriggerLook } from './trigger-look.js';

/** What changed triggers and a changed project file call for. */
export type TriggerVerdict = 'nothing' | 'build' | 'project-changed';

/**
 * A trigger that cannot be read is told of, and calls for nothing until it can.
 * @throws RdtError when the source has gone: it takes all triggers along, and none of them has changed.
 */
export async function lookAtTriggers(
  session: Session,
  triggers: TriggerLook,
): Promise<{ readonly verdict: TriggerVerdict; readonly reasons: readonly string[] }> {
  const { memory, held, folder } = session;
  await folder.edition(held.signal);
  const { reasons, projectFileChanged, unreadable } = await triggers.look(held.signal);
  memory.buildReasons = [...new Set([...memory.buildReasons, ...reasons])];
  const canBuildAgain = memory.unreadableTriggers.length > 0 && unreadable.length === 0;
  tellUnreadable(session, unreadable);
  memory.isProjectDue ||= projectFileChanged;
  if (memory.isProjectDue && (await session.projectHasChanged())) {
    return { verdict: 'project-changed', reasons: ['.resin-sync.yml changed'] };
  }
  const due = canBuildAgain ? memory.buildReasons : reasons;
  return { verdict: due.length > 0 ? 'build' : 'nothing', reasons: due };
}

/** Once for each. Before the first push that has succeeded it is the failure of the push. */
function tellUnreadable({ memory, emit }: Session, unreadable: readonly RdtError[]): void {
  if (!memory.hasWorked) return;
  const told = new Set(memory.unreadableTriggers.map(({ message }) => message));
  memory.unreadableTriggers = unreadable;
  for (const { message, hint } of unreadable) {
    if (told.has(message)) continue;
    const outlook = 'until that is mended nothing is built, and the app gets what you save';
    emit({ type: 'warning', message: [`${message}; ${outlook}.`, hint].filter(Boolean).join(' ') });
  }
}
