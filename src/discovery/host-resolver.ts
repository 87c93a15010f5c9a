/** The operating system's resolver (hosts file, DNS, whatever else it is set up for). */
export interface HostResolver {
  /**
   * Addresses of a name, best first; empty when there is none or the system cannot say. Contract: ends at once when the signal is aborted
   * (empty), and then keeps the process alive no longer.
   */
  resolve(name: string, signal: AbortSignal): Promise<readonly string[]>;
}
