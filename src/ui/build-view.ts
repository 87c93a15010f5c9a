import type { EmitBuildEvent } from '../build/build-event.js';
import type { Runtime } from '../runtime.js';
import { BuildLines } from './build-lines.js';
import { BuildScreen } from './build-screen.js';
import { styleFor } from './style.js';

/**
 * Shows one build on stderr while it happens. On a terminal the running steps are drawn in place until the event `ended`;
 * anywhere else every line is written once and stays.
 */
export function createBuildView({
  stderr,
  env,
  clock,
}: Pick<Runtime, 'stderr' | 'env' | 'clock'>): EmitBuildEvent {
  const canMoveCursor = stderr.isTTY === true && env['TERM'] !== 'dumb';
  const view = canMoveCursor
    ? new BuildScreen({ stream: stderr, style: styleFor(stderr, env), clock })
    : new BuildLines(stderr, clock);
  return (event) => {
    view.handle(event);
  };
}
