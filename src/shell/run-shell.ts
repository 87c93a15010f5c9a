import { connectionCut } from '../transport/connection-error.js';
import { runForwards } from './forward.js';
import { inContainer } from './in-container.js';
import { LivenessWatch } from './liveness.js';
import { asLost, sessionLost } from './lost.js';
import { onHost } from './on-host.js';
import { relay, relayTerminal } from './session.js';
import type { SessionPlace } from './session-place.js';
import type { ShellDeps } from './shell-deps.js';
import type { SessionAction, ShellRequest } from './shell-request.js';

/** `rdt ssh`: answers the exit code of what ran, 0 for forwarding that the user ended; throws an `RdtError` (255) when a session was lost. */
export async function runShell(
  { action, place, ...request }: ShellRequest,
  deps: ShellDeps,
): Promise<number> {
  const device = await deps.findDevice(request);
  deps.emit({ type: 'device', device });
  await using link = deps.link(device);
  if (action.kind === 'forward') return await runForwards(action.forwards, place, link, deps);
  const session =
    place.kind === 'host'
      ? onHost(action, await link.ssh(), deps)
      : await inContainer(place, action, link, deps);
  return await runSession(session, action, deps);
}

async function runSession(place: SessionPlace, action: SessionAction, deps: ShellDeps): Promise<number> {
  const { clock, streams, terminal } = deps;
  const cut = new AbortController();
  const session = await place.start(AbortSignal.any([deps.signal, cut.signal]));
  try {
    const onLost = (): void => cut.abort(connectionCut(place.where));
    using watch = place.ask && new LivenessWatch({ ask: place.ask, clock, onLost });
    const output = (): void => watch?.heard();
    if (!action.terminal || !terminal.isPresent) return await relay(session, streams, output);
    const disconnect = (): void => cut.abort(sessionLost('The session was ended with ~.'));
    return await relayTerminal(session, streams, terminal, { output, disconnect });
  } catch (error) {
    throw asLost(error, place.where);
  }
}
