import { RdtError } from '../errors.js';
import type { Container } from '../transport/engine.js';
import type { DeviceLink } from './device-link.js';
import { chosenContainer, type FindContainerDeps, namedContainer } from './find-container.js';
import { findShell } from './find-shell.js';
import type { ShellDeps } from './shell-deps.js';
import type { SessionPlace } from './session-place.js';
import type { ContainerPlace, SessionAction } from './shell-request.js';

/** A running container, through the engine. Throws an `RdtError` when there is none, or no shell in it that is asked for. */
export async function inContainer(
  place: ContainerPlace,
  action: SessionAction,
  link: DeviceLink,
  deps: ShellDeps,
): Promise<SessionPlace> {
  const engine = await link.engine();
  deps.emit({ type: 'engine', where: engine.description });
  const finding = { ...deps, engine };
  const container =
    place.kind === 'container' ? await namedContainer(place.ref, finding) : await chosenContainer(finding);
  deps.emit({ type: 'container', name: container.name, id: container.id });
  const argv = action.kind === 'command' ? action.argv : [await shellOf(container, { ...deps, engine })];
  const env = environmentOf(container, deps);
  return {
    where: engine.description,
    start: (signal) => {
      const terminal = action.terminal && { terminal: deps.terminal.size(), env };
      return engine.exec(container.id, { argv, ...terminal }, signal);
    },
    ask: link.engineIsOverTcp ? (signal) => engine.ping(signal) : undefined,
  };
}

async function shellOf(
  container: Container,
  { engine, emit, signal }: Pick<FindContainerDeps, 'engine' | 'signal'> & Pick<ShellDeps, 'emit'>,
): Promise<string> {
  const { tried, found } = await findShell(engine, container, signal);
  emit({ type: 'shell', tried, found });
  if (found !== undefined) return found;
  throw new RdtError(
    `${container.name} has no shell (tried ${tried.join(', ')}); --host gives one on the device itself.`,
  );
}

/**
 * The user's terminal, and UTF-8 where the user has it and the image does not say. The user's own language is left out: images
 * rarely have it, and programs complain about one that is missing.
 */
function environmentOf({ env }: Container, { terminal, locale }: ShellDeps): string[] {
  const hasLocale = env.some((entry) => /^(LANG|LC_[A-Z]+)=/.test(entry));
  const ours = locale['LC_ALL'] ?? locale['LC_CTYPE'] ?? locale['LANG'] ?? '';
  return [`TERM=${terminal.type}`, ...(!hasLocale && /utf-?8/i.test(ours) ? ['LANG=C.UTF-8'] : [])];
}
