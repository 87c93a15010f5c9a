import type { NetworkInterfaceInfo } from 'node:os';
import type { Clock } from '../../runtime.js';
import type { Sighting } from '../device.js';
import { EventStream } from '../event-stream.js';
import type { Browsing, BrowseQuestion, InterfaceReport, MdnsBrowser } from '../mdns-browser.js';
import { slept } from '../time-limit.js';
import { MdnsLink } from './mdns-link.js';
import { originOf } from './origin.js';
import { type OwnAddress, ownAddresses } from './own-address.js';
import { encodeQuery, questionsFor } from './question.js';
import { Responder } from './responder.js';
import { readResponse } from './response.js';

/** Pauses between questions: asked at 0, 0.2, 1, 2, 4 and 8 s, then every 8 s. The second one is early because wifi loses multicast. */
const PAUSES_MS = [200, 800, 1000, 2000, 4000] as const;
const LAST_PAUSE_MS = 8000;
/** Two hosts of one subnet answer from two addresses each; a flood of made-up senders must not fill the memory. */
const MAX_RESPONDERS = 1024;

export interface MulticastBrowserDeps {
  readonly networkInterfaces: () => Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly clock: Clock;
}

/** mDNS with sockets of our own on every interface; see docs/decisions for why not bonjour-service. */
export class MulticastBrowser implements MdnsBrowser {
  constructor(readonly deps: MulticastBrowserDeps) {}

  browse(question: BrowseQuestion, signal: AbortSignal): Browsing {
    const session = new BrowseSession(question, this.deps);
    void session.run(signal);
    return session;
  }
}

class BrowseSession implements Browsing {
  readonly #stream = new EventStream<Sighting>();
  readonly #links = new Map<string, MdnsLink>();
  readonly #responders = new Map<string, { readonly responder: Responder; readonly link: MdnsLink }>();
  /** Responders whose open questions were asked in this round. */
  readonly #asked = new Set<Responder>();
  /** What was told last, by responder and name: only what has grown is told again. */
  readonly #told = new Map<string, string>();
  #own: readonly OwnAddress[] = [];

  constructor(
    readonly question: BrowseQuestion,
    readonly deps: MulticastBrowserDeps,
  ) {}

  [Symbol.asyncIterator](): AsyncIterator<Sighting> {
    return this.#stream[Symbol.asyncIterator]();
  }

  interfaces(): readonly InterfaceReport[] {
    return [...this.#links.values()].map((link) => link.report());
  }

  /** Never rejects: a failure is one of the stream. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      for (let round = 0; !signal.aborted; round += 1) {
        this.#openLinks();
        this.#ask();
        await slept(this.deps.clock, PAUSES_MS[round] ?? LAST_PAUSE_MS, signal);
      }
      this.#stream.end();
    } catch (error) {
      this.#stream.fail(error);
    } finally {
      for (const link of this.#links.values()) link.close();
    }
  }

  /** Again in every round: an interface may have come up. */
  #openLinks(): void {
    this.#own = ownAddresses(this.deps.networkInterfaces(), this.deps.platform);
    for (const own of this.#own) {
      const key = `${own.interfaceName} ${own.address}`;
      if (this.#links.has(key)) continue;
      this.#links.set(
        key,
        new MdnsLink(own, (packet, source, link) => this.#hear(packet, source.address, link)),
      );
    }
  }

  #ask(): void {
    const query = encodeQuery(questionsFor(this.question));
    for (const link of this.#links.values()) void link.ask(query);
    this.#asked.clear();
    for (const { responder, link } of this.#responders.values()) this.#askOpen(responder, link);
  }

  /** What a responder left out is asked for at once, and again in every round. */
  #askOpen(responder: Responder, link: MdnsLink): void {
    const open = responder.openQuestions();
    if (open.length === 0 || this.#asked.has(responder)) return;
    this.#asked.add(responder);
    void link.ask(encodeQuery(open));
  }

  #hear(packet: Buffer, source: string, link: MdnsLink): void {
    const records = readResponse(packet);
    const responder = records.length === 0 ? undefined : this.#responderAt(source, link);
    if (responder === undefined) return;
    responder.add(records);
    for (const sighting of responder.sightings(this.question)) this.#tell(source, sighting);
    this.#askOpen(responder, link);
  }

  #responderAt(source: string, link: MdnsLink): Responder | undefined {
    const known = this.#responders.get(source);
    if (known !== undefined || this.#responders.size >= MAX_RESPONDERS) return known?.responder;
    const responder = new Responder(originOf(source, link.own, this.#own));
    this.#responders.set(source, { responder, link });
    return responder;
  }

  #tell(source: string, sighting: Sighting): void {
    const key = `${source} ${sighting.name}`;
    const content = JSON.stringify(sighting);
    if (this.#told.get(key) === content) return;
    this.#told.set(key, content);
    this.#stream.push(sighting);
  }
}
