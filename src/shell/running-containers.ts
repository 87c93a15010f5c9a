import { APP_LABEL } from '../push/labels.js';
import type { ContainerSummary, Engine } from '../transport/engine.js';

/** Of the operating system, by name, as they are called on resinOS and balenaOS; later ones carry a label. */
const SUPERVISORS: readonly string[] = ['resin_supervisor', 'balena_supervisor'];
const SUPERVISOR_LABEL = 'io.balena.supervisor';

export const isSupervisor = ({ name, labels }: Pick<ContainerSummary, 'name' | 'labels'>): boolean =>
  SUPERVISORS.includes(name) || SUPERVISOR_LABEL in labels;

/** Without supervisors, by name; the app of that name, if any, first. */
export async function runningContainers(
  engine: Engine,
  app: string | undefined,
  signal: AbortSignal,
): Promise<readonly ContainerSummary[]> {
  const all = await engine.listContainers({ all: false }, signal);
  const isApp = ({ name, labels }: ContainerSummary): boolean =>
    app !== undefined && (labels[APP_LABEL] === app || name === app);
  return all
    .filter((container) => !isSupervisor(container))
    .sort((a, b) => Number(isApp(b)) - Number(isApp(a)) || a.name.localeCompare(b.name));
}
