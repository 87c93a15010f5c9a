import { FakeBrowser } from './fake-browser.js';
import { mdnsBrowserContract } from './mdns-browser-contract.js';

mdnsBrowserContract('FakeBrowser', () => {
  const browser = new FakeBrowser();
  return Promise.resolve({
    browser,
    announce: (sighting) => {
      browser.announce(sighting);
      return Promise.resolve();
    },
    tearDown: () => Promise.resolve(),
  });
});
