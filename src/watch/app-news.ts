import type { Container } from '../transport/engine.js';
import type { AppChange } from './watch-event.js';

/** What has happened to the app without us. */
export type AppNews =
  | { readonly kind: 'exited'; readonly exitCode: number; readonly restarts: boolean }
  | { readonly kind: AppChange };

/** Pure: compares two looks at the container. `lastExitCode` is what a wait for its end has answered in between. */
export function newsBetween(
  before: Container,
  now: Container | undefined,
  lastExitCode: number | undefined,
): AppNews | undefined {
  if (now === undefined) return { kind: 'removed' };
  if (now.id !== before.id) return { kind: 'replaced' };
  if (now.state.paused !== before.state.paused) return { kind: now.state.paused ? 'paused' : 'resumed' };
  return startNews(before.state, now.state, lastExitCode);
}

function startNews(
  before: Container['state'],
  now: Container['state'],
  lastExitCode: number | undefined,
): AppNews | undefined {
  const ran = before.running && !before.restarting;
  const runs = now.running && !now.restarting;
  if (ran && !runs)
    return { kind: 'exited', exitCode: lastExitCode ?? now.exitCode, restarts: now.restarting };
  if (!runs || now.startedAt === before.startedAt) return undefined;
  // The engine counts the starts that it makes by itself, as soon as it has decided on one; each other start begins to count anew.
  const isCounted = before.restarting && now.restartCount === before.restartCount;
  if (now.restartCount <= before.restartCount && !isCounted) return { kind: 'restarted' };
  return ran ? { kind: 'exited', exitCode: lastExitCode ?? now.exitCode, restarts: true } : undefined;
}
