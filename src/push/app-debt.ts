import { createHash } from 'node:crypto';
import type { Deployed, Deployment } from '../sync/deployment.js';
import type { Container, Volume } from '../transport/engine.js';

/** On the volume of a debt: JSON of `Debt`. */
const OWED = 'io.resin.rdt.owed';

/** What a push that was cut off has left to do. */
interface Debt {
  /** Undefined when nobody knows what that push had done: any container may be owed a restart. */
  readonly containerId: string | undefined;
  /** Commands of the on-change rules that its changes call for. */
  readonly rules: readonly string[];
}

const UNKNOWN: Debt = { containerId: undefined, rules: [] };

/**
 * What earlier pushes owe an app that has what they sent and may not know it. Whoever lets the app's lock go leaves it on the device, as
 * volumes: the next push may come from another computer, which finds nothing to send.
 */
export class AppDebt {
  /** By the names of their volumes, so that the same one is there once. */
  private debts = new Map<string, Debt>();

  /** `isLeft` tells that an earlier lock ran out: its holder was killed, or cut off from the device. */
  constructor(
    private readonly app: string,
    kept: readonly Volume[],
    isLeft: boolean,
  ) {
    for (const volume of kept) this.add(parseDebt(volume));
    if (isLeft) this.add(UNKNOWN);
  }

  private add(debt: Debt): void {
    const hash = createHash('sha256').update(JSON.stringify(debt)).digest('hex');
    this.debts.set(`rdt-owed.${this.app}.${hash.slice(0, 16)}`, debt);
  }

  /** The rules that this container is owed; undefined when it is owed nothing, not even a restart. */
  owedTo(containerId: string): readonly string[] | undefined {
    const debts = [...this.debts.values()].filter((debt) =>
      [undefined, containerId].includes(debt.containerId),
    );
    return debts.length === 0 ? undefined : debts.flatMap(({ rules }) => rules);
  }

  owe(containerId: string, rules: readonly string[]): void {
    this.add({ containerId, rules });
  }

  settle(): void {
    this.debts.clear();
  }

  /** What the device is to keep of it. */
  volumes(): Volume[] {
    return Array.from(this.debts, ([name, debt]) => ({ name, labels: { [OWED]: JSON.stringify(debt) } }));
  }
}

/**
 * What this laptop knows to be owed, and what the device says of pushes from others. A container that holds what this laptop sent last has had no
 * other push since.
 */
export function allOwed(
  { remembered, knowledge }: Deployed,
  debt: AppDebt | undefined,
  { id }: Container,
): Deployment['owed'] {
  const ofOthers = knowledge === 'token' ? undefined : debt?.owedTo(id);
  if (remembered?.owed === undefined) return ofOthers;
  return [...remembered.owed, ...(ofOthers ?? [])];
}

export const isDebt = ({ labels }: Volume): boolean => labels[OWED] !== undefined;

/** What cannot be read is a debt all the same. */
function parseDebt({ labels }: Volume): Debt {
  try {
    const { containerId, rules } = { ...(JSON.parse(labels[OWED] ?? '') as Record<keyof Debt, unknown>) };
    const isText = (value: unknown): value is string => typeof value === 'string';
    return {
      containerId: isText(containerId) ? containerId : undefined,
      rules: Array.isArray(rules) ? rules.filter(isText) : [],
    };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return UNKNOWN;
  }
}
