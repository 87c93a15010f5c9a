import type { Sighting } from '../../src/discovery/device.js';
import { EventStream } from '../../src/discovery/event-stream.js';
import type {
  BrowseQuestion,
  Browsing,
  InterfaceReport,
  MdnsBrowser,
} from '../../src/discovery/mdns-browser.js';

/** A network in memory. What is announced before a question is answered at once, what comes later when it comes. */
export class FakeBrowser implements MdnsBrowser {
  readonly questions: BrowseQuestion[] = [];
  interfaces: readonly InterfaceReport[] = [{ name: 'eth0', address: '10.0.0.2', failure: undefined }];
  readonly #announced: Sighting[] = [];
  readonly #open: { readonly question: BrowseQuestion; readonly stream: EventStream<Sighting> }[] = [];

  announce(sighting: Sighting): this {
    this.#announced.push(sighting);
    for (const { question, stream } of this.#open) answer(question, sighting, stream);
    return this;
  }

  browse(question: BrowseQuestion, signal: AbortSignal): Browsing {
    this.questions.push(question);
    const stream = new EventStream<Sighting>();
    for (const sighting of this.#announced) answer(question, sighting, stream);
    this.#open.push({ question, stream });
    if (signal.aborted) stream.end();
    signal.addEventListener('abort', () => stream.end());
    return {
      interfaces: () => this.interfaces,
      [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator](),
    };
  }
}

/** A responder answers for its service and for its host name. */
function answer(question: BrowseQuestion, sighting: Sighting, stream: EventStream<Sighting>): void {
  const { services, host } = question;
  const isService = sighting.sshPort !== undefined;
  if (isService && (services === 'all' || (services === 'devices' && sighting.resinDevice)))
    stream.push(sighting);
  if (host !== undefined && host.toLowerCase() === sighting.host.toLowerCase()) {
    stream.push({ ...sighting, name: host, host, sshPort: undefined, resinDevice: false });
  }
}
