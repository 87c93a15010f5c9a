import type { Duplex } from 'node:stream';

/** Local ports that are listened on. */
export interface PortListener {
  /**
   * Hands every connection that comes in to `onConnection`, until disposed, which also cuts those that are open.
   * Rejects with an `RdtError` when the address cannot be listened on.
   */
  listen(bind: string, port: number, onConnection: (connection: Duplex) => void): Promise<OpenPort>;
}

export interface OpenPort extends AsyncDisposable {
  /** `address:port` as they are now. */
  readonly where: string;
}
