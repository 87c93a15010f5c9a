import type { RemoteInfo } from 'node:dgram';
import type { InterfaceReport } from '../mdns-browser.js';
import { MdnsSocket } from './mdns-socket.js';
import type { OwnAddress } from './own-address.js';

/** One own address, asked from in both ways. It works as long as one of them does. */
export class MdnsLink {
  readonly #sockets: readonly MdnsSocket[];

  constructor(
    readonly own: OwnAddress,
    onPacket: (packet: Buffer, source: RemoteInfo, link: MdnsLink) => void,
  ) {
    const listen = (packet: Buffer, source: RemoteInfo) => onPacket(packet, source, this);
    this.#sockets = (['legacy', 'member'] as const).map((role) => new MdnsSocket(own, role, listen));
  }

  /** Never rejects: see `report`. */
  async ask(query: Buffer): Promise<void> {
    await Promise.all(this.#sockets.map((socket) => socket.ask(query)));
  }

  report(): InterfaceReport {
    const failures = this.#sockets.flatMap(({ failure }) => failure ?? []);
    const failure = failures.length < this.#sockets.length ? undefined : failures[0];
    return { name: this.own.interfaceName, address: this.own.address, failure };
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }
}
