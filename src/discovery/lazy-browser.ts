import type { Sighting } from './device.js';
import type { Browsing, BrowseQuestion, MdnsBrowser } from './mdns-browser.js';

/** A browser that is loaded when the first question is asked: a device named by its address needs none. */
export class LazyBrowser implements MdnsBrowser {
  constructor(readonly load: () => Promise<MdnsBrowser>) {}

  browse(question: BrowseQuestion, signal: AbortSignal): Browsing {
    let loaded: Browsing | undefined;
    const loading = this.load().then((browser) => (loaded = browser.browse(question, signal)));
    return {
      interfaces: () => loaded?.interfaces() ?? [],
      async *[Symbol.asyncIterator](): AsyncGenerator<Sighting> {
        yield* await loading;
      },
    };
  }
}
