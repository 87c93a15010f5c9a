import { printable } from '../discovery/printable.js';
import { ExitCode, RdtError } from '../errors.js';
import { nearestKey } from '../project/nearest-key.js';
import { isAmbiguousId } from '../transport/engine-error.js';
import type { Container, ContainerSummary, Engine } from '../transport/engine.js';
import { runningContainers } from './running-containers.js';

/** Asks a person; `containers` is never empty, the first one is proposed. Throws an `RdtError` (130) when they choose none. */
export interface ContainerChooser {
  choose(containers: readonly ContainerSummary[], signal: AbortSignal): Promise<ContainerSummary>;
}

export interface FindContainerDeps {
  readonly engine: Engine;
  /** Undefined where nobody can be asked. */
  readonly chooser: ContainerChooser | undefined;
  /** The app of the folder's project file. */
  readonly projectApp: () => Promise<string | undefined>;
  readonly signal: AbortSignal;
}

/** In the engine's paths these are no names, but lead somewhere else. */
const NO_NAMES: readonly string[] = ['', '.', '..'];

/** A running container by name or id. Throws an `RdtError` with what there is when it does not run or does not exist. */
export async function namedContainer(
  ref: string,
  { engine, signal }: Pick<FindContainerDeps, 'engine' | 'signal'>,
): Promise<Container> {
  const container = NO_NAMES.includes(ref) ? undefined : await inspect(ref, engine, signal);
  if (container === undefined) throw await unknownContainer(ref, engine, signal);
  const { name, state } = container;
  if (state.running && !state.paused) return container;
  const how = state.paused ? 'is paused' : `is not running (${state.status})`;
  throw new RdtError(`${name} ${how} on ${engine.description}.`, {
    hint: state.paused ? 'Unpause it, or push it again.' : '`rdt push` starts it again.',
  });
}

async function inspect(ref: string, engine: Engine, signal: AbortSignal): Promise<Container | undefined> {
  try {
    return await engine.inspectContainer(ref, signal);
  } catch (error) {
    if (!isAmbiguousId(error)) throw error;
    const all = await engine.listContainers({ all: true }, signal);
    const meant = all.filter(({ id }) => id.startsWith(ref));
    throw ambiguousId(ref, meant, engine);
  }
}

/** `containers`: those whose ids begin with `ref`. */
export const ambiguousId = (ref: string, containers: readonly ContainerSummary[], engine: Engine): RdtError =>
  new RdtError(`${printable(ref)} is the beginning of several ids on ${engine.description}.`, {
    exitCode: ExitCode.usage,
    hint:
      containers.length === 0
        ? undefined
        : `Name one of: ${containers.map(({ name }) => printable(name)).join(', ')}.`,
  });

/** The running container that the user chooses. Throws an `RdtError` when there is none, or nobody to ask. */
export async function chosenContainer(deps: FindContainerDeps): Promise<Container> {
  const { engine, chooser, signal } = deps;
  const containers = await runningContainers(engine, await deps.projectApp(), signal);
  if (containers.length === 0) {
    throw new RdtError(`No container is running on ${engine.description}.`, {
      hint: '--host gives a shell on the device itself.',
    });
  }
  if (chooser === undefined) throw nobodyToAsk(containers, engine);
  const { id } = await chooser.choose(containers, signal);
  return namedContainer(id, deps);
}

function nobodyToAsk(containers: readonly ContainerSummary[], engine: Engine): RdtError {
  const names = containers.map(({ name, image, status }) => printable(`${name}  ${image}  ${status}`));
  return new RdtError(`Which container of ${engine.description}?`, {
    exitCode: ExitCode.usage,
    hint: ['Name one with --container, or the device itself with --host. Running are:', ...names].join('\n'),
  });
}

async function unknownContainer(ref: string, engine: Engine, signal: AbortSignal): Promise<RdtError> {
  const names = (await runningContainers(engine, undefined, signal)).map(({ name }) => name);
  const nearest = nearestKey(ref, names);
  const guess = nearest === undefined ? [] : [`Did you mean ${printable(nearest)}?`];
  const list = names.length === 0 ? 'None is running.' : `Running are: ${names.map(printable).join(', ')}.`;
  return new RdtError(`${engine.description} has no container ${printable(ref) || 'without a name'}.`, {
    hint: [...guess, list].join('\n'),
  });
}
