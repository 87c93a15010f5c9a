import {
  compareTriggers,
  type TriggerChanges,
  type TriggerHashes,
  triggerNames,
} from '../sync/build-triggers.js';
import type { Container } from '../transport/engine.js';

/** On the container: JSON of the triggers that its image was built with, path -> SHA-256. */
const TRIGGERS_LABEL = 'io.resin.rdt.triggers';
/** In the place of the hash of a listed trigger that was not there. */
const ABSENT = '';

/** @param listed the project's own triggers, there or not. */
export function builtFromLabel(
  listed: readonly string[],
  triggers: TriggerHashes,
): Readonly<Record<string, string>> {
  const hashes = triggerNames(listed).map((name) => [name, triggers.get(name) ?? ABSENT]);
  return { [TRIGGERS_LABEL]: JSON.stringify(Object.fromEntries(hashes)) };
}

/**
 * What differs between the triggers that the container's image was built with and those of the folder: of those only that are listed now and
 * were then, since another list makes no other image. Undefined when the container does not tell, as that of an older version.
 */
export function changesSinceBuilt(
  { labels }: Container,
  listed: readonly string[],
  triggers: TriggerHashes,
): TriggerChanges | undefined {
  const then = parseLabel(labels[TRIGGERS_LABEL]);
  if (then === undefined) return undefined;
  const known = triggerNames(listed).filter((name) => then.has(name));
  const now = known.map((name) => [name, triggers.get(name) ?? ABSENT] as const);
  return compareTriggers(present([...then].filter(([name]) => known.includes(name))), present(now));
}

const present = (hashes: readonly (readonly [string, string])[]): TriggerHashes =>
  new Map(hashes.filter(([, hash]) => hash !== ABSENT));

function parseLabel(label: string | undefined): TriggerHashes | undefined {
  if (label === undefined) return undefined;
  try {
    return new Map(Object.entries({ ...(JSON.parse(label) as Record<string, string>) }));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}
