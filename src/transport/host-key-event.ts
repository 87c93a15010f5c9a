import { describeHost, type SshHost } from './known-hosts.js';

export type HostKeyEvent =
  /** Trusted from now on, because it is the first one of this address. `namesakes`: other keys that go by this name. */
  | {
      readonly type: 'host-key-stored';
      readonly host: SshHost;
      readonly keyType: string;
      readonly fingerprint: string;
      readonly path: string;
      readonly namesakes: number;
    }
  /** The next connection will ask again, since the file could not be written. */
  | {
      readonly type: 'host-key-not-stored';
      readonly host: SshHost;
      readonly path: string;
      readonly error: unknown;
    };

/** One line for a person. */
export const describeHostKeyEvent = (event: HostKeyEvent): string => {
  const who = describeHost(event.host);
  switch (event.type) {
    case 'host-key-stored': {
      const namesake = event.namesakes === 0 ? '' : ' Another device of this name is known by another key.';
      return `First ssh connection to ${who}: trusting its ${event.keyType} key ${event.fingerprint} from now on.${namesake}`;
    }
    case 'host-key-not-stored':
      return `Cannot store the ssh host key of ${who} in ${event.path}: the next connection will not know it.`;
  }
};
