/** Why a port gave no answer. `timeout`: no connection in time; `silent`: connected, then nothing; `garbage`: something else lives there. */
export type KnockFailure = 'refused' | 'timeout' | 'silent' | 'reset' | 'no-route' | 'garbage';

export type EngineKnock =
  | { readonly type: 'engine'; readonly apiVersion: string | undefined }
  | { readonly type: 'failed'; readonly failure: KnockFailure };

export type SshKnock =
  | { readonly type: 'ssh'; readonly banner: string }
  | { readonly type: 'failed'; readonly failure: KnockFailure };

/**
 * Knocks at one port of one address. Contract: never rejects; settles at once when the signal is aborted, with `timeout` or
 * `silent`; reads a bounded number of bytes; leaves no open socket behind.
 */
export interface Knocker {
  /** `GET /_ping`. An engine is what answers 200 and `OK`; any other answer is `garbage`. */
  engine(address: string, port: number, signal: AbortSignal): Promise<EngineKnock>;
  /** Reads the version line that an ssh server sends first (RFC 4253, 4.2). */
  ssh(address: string, port: number, signal: AbortSignal): Promise<SshKnock>;
}
