import type { Forward } from './forward-spec.js';

export interface ShellRequest {
  /** As typed; undefined for the only device there is. */
  readonly target: string | undefined;
  /** Where ssh listens, when the user said so. */
  readonly sshPort: number | undefined;
  readonly place: Place;
  readonly action: ShellAction;
}

export type Place = { readonly kind: 'host' } | ContainerPlace;

export type ContainerPlace =
  /** A name or an id. */
  | { readonly kind: 'container'; readonly ref: string }
  /** The user did not say. */
  | { readonly kind: 'open' };

export type ShellAction = SessionAction | { readonly kind: 'forward'; readonly forwards: readonly Forward[] };

/** With `terminal`, on a terminal of the other side. */
export type SessionAction =
  | { readonly kind: 'shell'; readonly terminal: boolean }
  | { readonly kind: 'command'; readonly argv: readonly string[]; readonly terminal: boolean };
