import type { Device } from '../discovery/device.js';
import { RdtError } from '../errors.js';
import type { Clock } from '../runtime.js';
import { connectionCut } from '../transport/connection-error.js';
import type { Container, ExecSession } from '../transport/engine.js';
import type { DeviceLink } from './device-link.js';
import { findShell } from './find-shell.js';
import { chosenContainer, type ContainerChooser, namedContainer } from './find-container.js';
import { runForwards } from './forward.js';
import { asLost, sessionLost } from './lost.js';
import { LivenessWatch } from './liveness.js';
import type { LocalTerminal } from './local-terminal.js';
import type { PortListener } from './port-listener.js';
import { type LocalStreams, relay, relayTerminal } from './session.js';
import type { EmitShellEvent } from './shell-event.js';
import type { Place, ShellAction, ShellRequest } from './shell-request.js';
import { asExecSession } from './ssh-exec-session.js';

export interface ShellDeps {
  findDevice(request: Pick<ShellRequest, 'target' | 'sshPort'>): Promise<Device>;
  link(device: Device): DeviceLink;
  /** One line for the device's own shell that runs exactly these words. */
  readonly shellCommand: (argv: readonly string[]) => string;
  readonly chooser: ContainerChooser | undefined;
  readonly projectApp: () => Promise<string | undefined>;
  readonly listener: PortListener;
  readonly streams: LocalStreams;
  readonly terminal: LocalTerminal;
  /** Variables of the user's locale and of the terminal's abilities, such as `LANG`. */
  readonly locale: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly emit: EmitShellEvent;
  readonly signal: AbortSignal;
}

type Session = Exclude<ShellAction, { kind: 'forward' }>;
type Start = (signal: AbortSignal) => Promise<ExecSession>;

/** `rdt ssh`: answers the exit code of what ran, 0 for forwarding that the user ended; throws an `RdtError` (255) when a session was lost. */
export async function runShell(request: ShellRequest, deps: ShellDeps): Promise<number> {
  const device = await deps.findDevice(request);
  deps.emit({ type: 'device', device });
  await using link = deps.link(device);
  const { action, place } = request;
  if (action.kind === 'forward') return await runForwards(action.forwards, place, link, deps);
  const start =
    place.kind === 'host' ? await onHost(action, link, deps) : await inContainer(place, action, link, deps);
  return await runSession(start, action, link, deps);
}

async function onHost(action: Session, link: DeviceLink, deps: ShellDeps): Promise<Start> {
  const ssh = await link.ssh();
  const terminal = action.terminal ? { type: deps.terminal.type, ...deps.terminal.size() } : undefined;
  const options = { env: deps.locale, ...(terminal !== undefined && { terminal }) };
  return async (signal) => {
    if (action.kind === 'command')
      return asExecSession(await ssh.exec(deps.shellCommand(action.argv), options, signal));
    if (terminal !== undefined) return asExecSession(await ssh.shell(terminal, signal));
    return asExecSession(await ssh.exec(LOGIN_SHELL, options, signal));
  };
}

/** What the server does by itself for a shell with a terminal. Holds no values. */
const LOGIN_SHELL = 'exec "${SHELL:-/bin/sh}" -l';

async function inContainer(
  place: Exclude<Place, { kind: 'host' }>,
  action: Session,
  link: DeviceLink,
  deps: ShellDeps,
): Promise<Start> {
  const engine = await link.engine();
  deps.emit({ type: 'engine', where: engine.description });
  const container =
    place.kind === 'container'
      ? await namedContainer(place.ref, { ...deps, engine })
      : await chosenContainer({ ...deps, engine });
  deps.emit({ type: 'container', name: container.name, id: container.id });
  const argv = action.kind === 'command' ? action.argv : [await shellOf(container, link, deps)];
  const options = action.terminal
    ? { argv, terminal: deps.terminal.size(), env: terminalEnvironment(container, deps) }
    : { argv };
  return (signal) => engine.exec(container.id, options, signal);
}

async function shellOf(container: Container, link: DeviceLink, { emit, signal }: ShellDeps): Promise<string> {
  const engine = await link.engine();
  const { tried, found } = await findShell(engine, container, signal);
  emit({ type: 'shell', tried, found });
  if (found !== undefined) return found;
  throw new RdtError(
    `${container.name} has no shell (tried ${tried.join(', ')}); --host gives one on the device itself.`,
  );
}

/** What the container says itself is left as it is. */
function terminalEnvironment({ env }: Container, { terminal, locale }: ShellDeps): string[] {
  const names = new Set(env.map((entry) => entry.slice(0, entry.indexOf('='))));
  const hasLocale = [...names].some((name) => name === 'LANG' || name.startsWith('LC_'));
  const added = Object.entries(hasLocale ? {} : locale).map(([name, value]) => `${name}=${value}`);
  return [`TERM=${terminal.type}`, ...added];
}

async function runSession(start: Start, action: Session, link: DeviceLink, deps: ShellDeps): Promise<number> {
  const cut = new AbortController();
  const session = await start(AbortSignal.any([deps.signal, cut.signal]));
  try {
    using watch = await watchEngine(link, deps, (error) => cut.abort(error));
    const output = (): void => watch?.heard();
    if (!action.terminal || !deps.terminal.isPresent) return await relay(session, deps.streams, output);
    const disconnect = (): void => cut.abort(sessionLost('The session was ended with ~.'));
    return await relayTerminal(session, deps.streams, deps.terminal, { output, disconnect });
  } catch (error) {
    throw asLost(error);
  }
}

/** ssh notices by itself. */
async function watchEngine(
  link: DeviceLink,
  { clock }: ShellDeps,
  cut: (error: RdtError) => void,
): Promise<LivenessWatch | undefined> {
  if (!link.engineIsOverTcp) return undefined;
  const engine = await link.engine();
  const onLost = (): void => cut(connectionCut(engine.description));
  return new LivenessWatch({ ask: (signal) => engine.ping(signal), clock, onLost });
}
