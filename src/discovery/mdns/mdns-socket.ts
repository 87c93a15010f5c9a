import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { OwnAddress } from './own-address.js';
import { errorCode } from '../../system-error.js';

const MDNS_PORT = 5353;
const GROUP = { IPv4: '224.0.0.251', IPv6: 'ff02::fb' } as const;

/**
 * `member`: on port 5353 and in the multicast group, hears what is answered to everybody (passes host firewalls that know mDNS).
 * `legacy`: on a port of its own, is answered directly and at once (RFC 6762, 6.7), without the delay and the once-a-second limit of multicast answers.
 */
export type SocketRole = 'member' | 'legacy';

/** A socket that asks on one interface. Fails alone: a failure is kept as its error code, never thrown. */
export class MdnsSocket {
  #failure: string | undefined;
  readonly #closed = new AbortController();
  readonly #socket: Socket;
  readonly #isReady: Promise<boolean>;

  constructor(
    readonly own: OwnAddress,
    readonly role: SocketRole,
    onPacket: (packet: Buffer, source: RemoteInfo) => void,
  ) {
    const isV6 = own.family === 'IPv6';
    this.#socket = createSocket({
      type: isV6 ? 'udp6' : 'udp4',
      reuseAddr: role === 'member',
      ipv6Only: isV6,
    });
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('message', (packet, source) => {
      // An answer from any other port is not one of a mDNS responder (RFC 6762, 6).
      if (source.port === MDNS_PORT) onPacket(packet, source);
    });
    this.#isReady = this.#prepare();
  }

  /** Error code of why it does not work, e.g. `ENETUNREACH`. */
  get failure(): string | undefined {
    return this.#failure;
  }

  async ask(query: Buffer): Promise<void> {
    if (!(await this.#isReady)) return;
    await new Promise<void>((resolve) => {
      this.#socket.send(query, MDNS_PORT, GROUP[this.own.family], (error) => {
        if (error === null) this.#failure = undefined;
        else this.#fail(error);
        resolve();
      });
    });
  }

  close(): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    this.#socket.close();
  }

  async #prepare(): Promise<boolean> {
    const { address, family, zone } = this.own;
    try {
      const listening = once(this.#socket, 'listening', { signal: this.#closed.signal });
      this.#socket.bind(this.#bindTo(address));
      await listening;
      const outgoing = family === 'IPv6' ? `::%${zone}` : address;
      this.#socket.setMulticastTTL(255);
      this.#socket.setMulticastInterface(outgoing);
      if (this.role === 'member') this.#socket.addMembership(GROUP[family], outgoing);
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  /** A member must be bound to all addresses: a socket bound to one does not get multicast on Linux. */
  #bindTo(address: string): { port: number; address?: string } {
    if (this.role === 'member') return { port: MDNS_PORT };
    return this.own.family === 'IPv4' ? { port: 0, address } : { port: 0 };
  }

  #fail(error: unknown): void {
    this.#failure = errorCode(error) ?? String(error);
  }
}
