import { ExitCode, RdtError } from '../errors.js';
import type { HostKeyEvent } from './host-key-event.js';
import {
  describeHost,
  type HostKey,
  type SshHost,
  fingerprint,
  judgeHostKey,
  knownHostLine,
  parseKnownHosts,
} from './known-hosts.js';

/** The file of known host keys. Several processes may use it at once. */
export interface KnownHostsStore {
  /** For messages. */
  readonly path: string;
  /** Empty when there is no file yet. */
  read(): Promise<string>;
  /** Adds a whole line, ended by a newline. */
  append(line: string): Promise<void>;
  /** Replaces the text as a whole by what `edit` makes of the newest one. */
  rewrite(edit: (text: string) => string): Promise<void>;
}

/** Trusts a key on first use and stores it; rejects with an `RdtError` of exit code 7 when the address had another one. */
export const checkHostKey = async (
  store: KnownHostsStore,
  host: SshHost,
  key: HostKey,
  emit: (event: HostKeyEvent) => void,
): Promise<void> => {
  const verdict = judgeHostKey(parseKnownHosts(await store.read()), host, key);
  switch (verdict.kind) {
    case 'changed':
      throw changedHostKey(store, host, verdict.stored, key);
    case 'trusted':
      if (verdict.isNews) await remember(store, host, key, emit);
      return;
    case 'first-use': {
      if (!(await remember(store, host, key, emit))) return;
      const namesakes = verdict.namesakes.length;
      const { path } = store;
      emit({
        type: 'host-key-stored',
        host,
        keyType: key.type,
        fingerprint: fingerprint(key),
        path,
        namesakes,
      });
    }
  }
};

const remember = async (
  store: KnownHostsStore,
  host: SshHost,
  key: HostKey,
  emit: (event: HostKeyEvent) => void,
): Promise<boolean> => {
  try {
    await store.append(knownHostLine(host, key));
    return true;
  } catch (error) {
    emit({ type: 'host-key-not-stored', host, path: store.path, error });
    return false;
  }
};

const changedHostKey = (store: KnownHostsStore, host: SshHost, stored: HostKey, key: HostKey): RdtError =>
  new RdtError(
    `The ssh host key of ${describeHost(host)} has changed: it was ${fingerprint(stored)} and is now ${fingerprint(key)} (${key.type}).`,
    {
      exitCode: ExitCode.auth,
      hint:
        'A device gets a new key when it is flashed again, and an address may have gone to another device. ' +
        `If that is so: rdt known-hosts forget ${host.address}\n` +
        `If not, somebody may be answering in its place: do not connect. The old key is in ${store.path}.`,
    },
  );
