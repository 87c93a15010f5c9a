import type { KnownHostsStore } from '../../src/transport/host-key-check.js';

/** Known host keys in memory. */
export class MemoryKnownHosts implements KnownHostsStore {
  readonly path = 'memory';

  constructor(public text = '') {}

  read(): Promise<string> {
    return Promise.resolve(this.text);
  }

  append(line: string): Promise<void> {
    this.text += line;
    return Promise.resolve();
  }

  rewrite(edit: (text: string) => string): Promise<void> {
    this.text = edit(this.text);
    return Promise.resolve();
  }
}
