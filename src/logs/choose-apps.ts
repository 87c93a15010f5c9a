import { printable } from '../discovery/printable.js';
import { ExitCode, RdtError } from '../errors.js';
import { nearestKey } from '../project/nearest-key.js';
import { isPassingName } from '../push/labels.js';
import { type ContainerChooser, ambiguousId } from '../shell/find-container.js';
import { isSupervisor } from '../shell/running-containers.js';
import type { ContainerSummary, Engine } from '../transport/engine.js';

/** Which containers a user means. */
export type WantedApps =
  | { readonly kind: 'all' }
  /** Names or ids, at least one. */
  | { readonly kind: 'named'; readonly names: readonly string[] }
  /** The user did not say. */
  | { readonly kind: 'open' };

export interface ChooseAppsDeps {
  readonly engine: Engine;
  /** The app of the folder's project file. */
  readonly projectApp: () => Promise<string | undefined>;
  /** Undefined where nobody can be asked. */
  readonly chooser: ContainerChooser | undefined;
  readonly signal: AbortSignal;
}

const SHORTEST_ID = 4;

/** At least one container, running or not. Throws an `RdtError` with what there is when it cannot be told which. */
export async function chooseApps(
  wanted: WantedApps,
  deps: ChooseAppsDeps,
): Promise<readonly ContainerSummary[]> {
  const { engine, signal } = deps;
  const [listed, projectApp] = await Promise.all([
    engine.listContainers({ all: true }, signal),
    wanted.kind === 'open' ? deps.projectApp() : undefined,
  ]);
  const containers = listed.filter(isAnApp).sort((a, b) => a.name.localeCompare(b.name));
  if (wanted.kind === 'named') return named(wanted.names, containers, deps);
  if (projectApp !== undefined) return named([projectApp], containers, deps);
  if (containers.length === 0) throw new RdtError(`${engine.description} has no container.`);
  return wanted.kind === 'all' ? containers : [await onlyOne(containers, deps)];
}

/** All that have begun to run, now or before; those of `chooseApps` for `all`. */
export async function namesOfStarted(engine: Engine, signal: AbortSignal): Promise<readonly string[]> {
  const listed = await engine.listContainers({ all: true }, signal);
  return listed
    .filter((container) => isAnApp(container) && container.state !== 'created')
    .map(({ name }) => name);
}

/** Not of the operating system, and not on its way to another name. */
const isAnApp = (container: ContainerSummary): boolean =>
  !isSupervisor(container) && !isPassingName(container.name);

function named(
  names: readonly string[],
  containers: readonly ContainerSummary[],
  { engine }: ChooseAppsDeps,
): ContainerSummary[] {
  const found = names.map((name) => {
    const byName = containers.find((candidate) => candidate.name === name);
    if (byName !== undefined) return byName;
    const [byId, ...others] = containers.filter(
      ({ id }) => name.length >= SHORTEST_ID && id.startsWith(name),
    );
    if (byId === undefined) throw unknownApp(name, containers, engine);
    if (others.length > 0) throw ambiguousId(name, [byId, ...others], engine);
    return byId;
  });
  return [...new Set(found)];
}

/** The one that runs, or the one that is chosen. */
async function onlyOne(
  containers: readonly ContainerSummary[],
  { engine, chooser, signal }: ChooseAppsDeps,
): Promise<ContainerSummary> {
  const running = containers.filter(({ state }) => state === 'running' || state === 'restarting');
  const [only] = running;
  if (only !== undefined && running.length === 1) return only;
  const candidates = running.length > 0 ? running : containers;
  if (chooser !== undefined) return chooser.choose(candidates, signal);
  const rows = candidates.map(({ name, image, status }) => printable(`${name}  ${image}  ${status}`));
  throw new RdtError(`Which container of ${engine.description}?`, {
    exitCode: ExitCode.usage,
    hint: ['Name one with --app-name, or take them --all:', ...rows].join('\n'),
  });
}

function unknownApp(name: string, containers: readonly ContainerSummary[], engine: Engine): RdtError {
  const names = containers.map((container) => container.name);
  const nearest = nearestKey(name, names);
  const guess = nearest === undefined ? [] : [`Did you mean ${printable(nearest)}?`];
  const list = names.length === 0 ? 'It has none.' : `There are: ${names.map(printable).join(', ')}.`;
  return new RdtError(`${engine.description} has no container ${printable(name)}.`, {
    hint: [...guess, list].join('\n'),
  });
}
