import type { Forward } from './forward-spec.js';

export interface ShellRequest {
  /** As typed; undefined for the only device there is. */
  readonly target: string | undefined;
  /** Where ssh listens, when the user said so. */
  readonly sshPort: number | undefined;
  readonly place: Place;
  readonly action: ShellAction;
}

export type Place =
  | { readonly kind: 'host' }
  /** A name or an id. */
  | { readonly kind: 'container'; readonly ref: string }
  /** The user did not say. */
  | { readonly kind: 'open' };

export type ShellAction =
  | { readonly kind: 'shell'; readonly terminal: boolean }
  | { readonly kind: 'command'; readonly argv: readonly string[]; readonly terminal: boolean }
  | { readonly kind: 'forward'; readonly forwards: readonly Forward[] };
