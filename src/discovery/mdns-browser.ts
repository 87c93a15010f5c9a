import type { Sighting } from './device.js';

/** What to ask the network. At least one of the two. */
export interface BrowseQuestion {
  /** `devices`: hosts that announce themselves as resin or balena devices; `all`: every `_ssh._tcp` host. */
  readonly services?: 'devices' | 'all';
  /** Addresses of this name, e.g. `kitchen.local`: each responder that answers is a sighting of its own. */
  readonly host?: string;
}

/** One address of this machine that was asked on. */
export interface InterfaceReport {
  /** E.g. `eth0`. */
  readonly name: string;
  /** Own address on it, e.g. `192.168.1.20`. */
  readonly address: string;
  /** Why nothing could be asked there (an error code such as `ENETUNREACH`); undefined when it works. */
  readonly failure: string | undefined;
}

/**
 * Hosts as they answer, until the signal is aborted (then it ends, without an error). A sighting comes again when it has grown: an address or
 * the subtype was added. Two hosts of one name are two sightings; one host that answers on two interfaces may be two as well,
 * with or without a common address.
 */
export interface Browsing extends AsyncIterable<Sighting> {
  /** As it is now; complete as soon as the first sighting could come. */
  interfaces(): readonly InterfaceReport[];
}

/**
 * Asks the local network over mDNS. Contract: asks on every usable interface, IPv4 and IPv6, again and again at growing intervals; an interface that fails
 * does not fail the others; addresses come from answers only, never from the operating system's resolver; whatever arrives, it does not throw.
 */
export interface MdnsBrowser {
  browse(question: BrowseQuestion, signal: AbortSignal): Browsing;
}
