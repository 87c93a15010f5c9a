/**
 * How long to look before deciding. Answers to a question that everybody may answer come with a random delay of up to 120 ms (RFC 6762, 6), wifi
 * adds up to 300 ms to multicast, and one lost packet is repaired by the second question at 200 ms.
 */
export interface WaitingRule {
  /** No decision for one host before this: a second one may still be about to answer. */
  readonly settleMs: number;
  /** How long to wait for the first host. */
  readonly firstHostMs: number;
  /** The end, whatever is still being probed. */
  readonly limitMs: number;
  /** The end when all that was found says nothing. */
  readonly silentMs: number;
  /** The end when there is no network to ask. */
  readonly deafMs: number;
}

/** Nobody was named: 0.7 s covers two questions and a probe; devices that still boot or sleep get 5 s, and their probe 2 s more. A dead target takes less than 3 s. */
export const ANY_DEVICE: WaitingRule = {
  settleMs: 700,
  firstHostMs: 5000,
  limitMs: 7000,
  silentMs: 2700,
  deafMs: 700,
};

/**
 * A name is owned by one host as a rule, and answers come undelayed: 0.3 s. A host that is silent on the addresses known so far may
 * have others, which the third question (at 1 s) brings to light. In all less than the 3 s a dead target may take.
 */
export const NAMED_DEVICE: WaitingRule = {
  settleMs: 300,
  firstHostMs: 2000,
  limitMs: 2600,
  silentMs: 1200,
  deafMs: 2000,
};

/** A name of the DNS, which names one host: nothing to wait for once it answers. */
export const DNS_NAME: WaitingRule = { ...NAMED_DEVICE, settleMs: 0, silentMs: 0 };

export interface SearchState {
  readonly answered: number;
  readonly silent: number;
  /** Found, and not done probing. A decision waits for them: what was announced and is only slow counts as a device. */
  readonly pending: number;
  /** No interface could be asked on. */
  readonly isDeaf: boolean;
}

/** Milliseconds until the state has to be looked at again if nothing changes; 0 when it is time to decide. */
export function waitMore(rule: WaitingRule, state: SearchState, elapsedMs: number): number {
  if (elapsedMs >= rule.limitMs) return 0;
  if (state.pending > 0) return rule.limitMs - elapsedMs;
  if (state.answered > 0) return Math.max(0, rule.settleMs - elapsedMs);
  const endMs = Math.min(
    rule.firstHostMs,
    state.silent > 0 ? rule.silentMs : Infinity,
    state.isDeaf ? rule.deafMs : Infinity,
  );
  return Math.max(0, endMs - elapsedMs);
}
