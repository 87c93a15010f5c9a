import type { Duplex } from 'node:stream';

/**
 * Opens byte streams to the engine of one device.
 * Contract: each `dial` gives a fresh connected stream or rejects with an `RdtError` within 3 s (exit code 4 unreachable, 7 authentication or host key);
 * `dispose` ends the underlying session (if any) and every stream that is still open.
 */
export interface Dialer extends AsyncDisposable {
  /** For messages: `tcp://10.0.0.5:2375` or `ssh://root@10.0.0.5:22222`. */
  readonly description: string;
  dial(signal?: AbortSignal): Promise<Duplex>;
}
