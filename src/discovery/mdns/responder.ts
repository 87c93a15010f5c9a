import type { Question } from 'dns-packet';
import type { Sighting } from '../device.js';
import type { BrowseQuestion } from '../mdns-browser.js';
import { bestFirst, isLinkLocal6, isUnicast } from '../address.js';
import { printable } from '../printable.js';
import { addressQuestions, DEVICE_SUBTYPES, SSH_SERVICE } from './question.js';
import type { DnsRecord } from './response.js';

/** More than any honest host has of one kind. */
const MAX_ENTRIES = 64;

/** What fits into one packet. */
const MAX_QUESTIONS = 16;

/** The codec joins labels with dots and knows no escapes: what it would encode as something else is not asked for. */
const canBeAsked = (name: string): boolean =>
  /^[^\p{Cc}]+$/u.test(name) &&
  name.split('.').every((label) => label !== '' && Buffer.byteLength(label) <= 63);

/** Where a response came from. */
export interface Origin {
  /** The source address, IPv6 with its zone. */
  readonly address: string;
  /** Of the interface that it came through; undefined when that cannot be told. */
  readonly zone: string | undefined;
  /** Own addresses of this machine: nobody else can have them, whatever they announce (every Docker host has a 172.17.0.1). */
  readonly ownAddresses: ReadonlySet<string>;
}

interface Instance {
  readonly fullName: string;
  isDevice: boolean;
  service: { readonly host: string; readonly port: number } | undefined;
}

/**
 * What one responder (one source address) has said so far. Its names are resolved with its own records only: the same names may mean another
 * host elsewhere. Names are compared in lower case.
 */
export class Responder {
  readonly #instances = new Map<string, Instance>();
  readonly #addresses = new Map<string, Set<string>>();

  constructor(readonly origin: Origin) {}

  add(records: readonly DnsRecord[]): void {
    for (const record of records) {
      if (record.type === 'PTR') this.#addInstance(record.name.toLowerCase(), record.target);
    }
    for (const record of records) {
      if (record.type === 'SRV') this.#addService(record.name, record.host, record.port);
      if (record.type === 'address') this.#addAddress(record.name.toLowerCase(), record.address);
    }
  }

  /** The hosts that are completely known and wanted. */
  sightings(question: BrowseQuestion): Sighting[] {
    const services = [...this.#instances.values()]
      .filter(({ isDevice }) => question.services === 'all' || (question.services === 'devices' && isDevice))
      .flatMap((instance) => this.#serviceSighting(instance));
    return question.host === undefined ? services : [...services, ...this.#hostSighting(question.host)];
  }

  /** What is still to be asked to complete what was announced. */
  openQuestions(): Question[] {
    const questions = [...this.#instances.values()].flatMap(({ fullName, service }) => {
      if (service === undefined) return [{ name: fullName, type: 'SRV' } as const];
      return this.#addressesOf(service.host).length === 0 ? addressQuestions(service.host) : [];
    });
    return questions.filter(({ name }) => canBeAsked(name)).slice(0, MAX_QUESTIONS);
  }

  #addInstance(type: string, fullName: string): void {
    const isDevice = DEVICE_SUBTYPES.some((subtype) => subtype === type);
    if (!isDevice && type !== SSH_SERVICE) return;
    const key = fullName.toLowerCase();
    if (!key.endsWith(`.${SSH_SERVICE}`)) return;
    const known = this.#instances.get(key);
    if (known !== undefined) known.isDevice ||= isDevice;
    else if (this.#instances.size < MAX_ENTRIES) {
      this.#instances.set(key, { fullName, isDevice, service: undefined });
    }
  }

  #addService(fullName: string, host: string, port: number): void {
    const instance = this.#instances.get(fullName.toLowerCase());
    if (instance !== undefined) instance.service = { host, port };
  }

  #addAddress(host: string, address: string): void {
    const usable = this.#usableForm(address);
    const known = this.#addresses.get(host);
    if (usable === undefined) return;
    if (known !== undefined && known.size < MAX_ENTRIES) known.add(usable);
    else if (known === undefined && this.#addresses.size < MAX_ENTRIES) {
      this.#addresses.set(host, new Set([usable]));
    }
  }

  /** As it can be connected to from here; undefined when it cannot. */
  #usableForm(address: string): string | undefined {
    const isOwnHost = this.origin.ownAddresses.has(this.origin.address);
    if (!isUnicast(address) || (!isOwnHost && this.origin.ownAddresses.has(address))) return undefined;
    if (!isLinkLocal6(address)) return address;
    return this.origin.zone === undefined ? undefined : `${address}%${this.origin.zone}`;
  }

  #addressesOf(host: string): string[] {
    const addresses = this.#addresses.get(host.toLowerCase()) ?? [];
    return bestFirst(addresses, this.origin.address);
  }

  #serviceSighting({ fullName, isDevice, service }: Instance): Sighting[] {
    if (service === undefined) return [];
    const addresses = this.#addressesOf(service.host);
    if (addresses.length === 0) return [];
    const name = printable(fullName.slice(0, -SSH_SERVICE.length - 1));
    const host = printable(service.host);
    return [{ name, host, addresses, sshPort: service.port, resinDevice: isDevice }];
  }

  #hostSighting(host: string): Sighting[] {
    const addresses = this.#addressesOf(host);
    if (addresses.length === 0) return [];
    return [{ name: host, host, addresses, sshPort: undefined, resinDevice: false }];
  }
}
