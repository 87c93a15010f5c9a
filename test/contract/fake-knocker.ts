import type { EngineKnock, Knocker, KnockFailure, SshKnock } from '../../src/discovery/knocker.js';
import { formatEndpoint } from '../../src/discovery/address.js';

/** What lives at a port. Nothing there: `refused`. */
export type PortBehaviour =
  | { readonly type: 'engine'; readonly apiVersion?: string }
  | { readonly type: 'ssh'; readonly banner?: string }
  | { readonly type: 'fails'; readonly failure: KnockFailure }
  /** Accepts and says nothing. */
  | { readonly type: 'hangs' }
  /** Does not even accept. */
  | { readonly type: 'drops' };

/** Ports in memory; held to the same contract as the real knocker. */
export class FakeKnocker implements Knocker {
  /** `address:port` of every knock. */
  readonly knocks: string[] = [];
  readonly #ports = new Map<string, PortBehaviour>();

  put(address: string, port: number, behaviour: PortBehaviour): this {
    this.#ports.set(formatEndpoint(address, port), behaviour);
    return this;
  }

  engine(address: string, port: number, signal: AbortSignal): Promise<EngineKnock> {
    return this.#knock<EngineKnock>(address, port, signal, (behaviour) =>
      behaviour.type === 'engine' ? { type: 'engine', apiVersion: behaviour.apiVersion } : undefined,
    );
  }

  ssh(address: string, port: number, signal: AbortSignal): Promise<SshKnock> {
    return this.#knock<SshKnock>(address, port, signal, (behaviour) =>
      behaviour.type === 'ssh' ? { type: 'ssh', banner: behaviour.banner ?? 'SSH-2.0-fake' } : undefined,
    );
  }

  async #knock<T>(
    address: string,
    port: number,
    signal: AbortSignal,
    accept: (behaviour: PortBehaviour) => T | undefined,
  ): Promise<T | { type: 'failed'; failure: KnockFailure }> {
    const endpoint = formatEndpoint(address, port);
    this.knocks.push(endpoint);
    const behaviour = this.#ports.get(endpoint) ?? { type: 'fails', failure: 'refused' };
    const failed = (failure: KnockFailure) => ({ type: 'failed', failure }) as const;
    const answer = accept(behaviour);
    if (behaviour.type === 'drops' || signal.aborted) return failed(await whenAborted(signal, 'timeout'));
    if (behaviour.type === 'hangs') return failed(await whenAborted(signal, 'silent'));
    if (answer !== undefined) return answer;
    // An engine says nothing until it is asked, so that whoever waits for an ssh banner waits in vain.
    if (behaviour.type === 'engine') return failed(await whenAborted(signal, 'silent'));
    return failed(behaviour.type === 'fails' ? behaviour.failure : 'garbage');
  }
}

const whenAborted = (signal: AbortSignal, failure: KnockFailure): Promise<KnockFailure> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(failure);
    signal.addEventListener('abort', () => resolve(failure));
  });
