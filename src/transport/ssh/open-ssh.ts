import type { Socket } from 'node:net';
import ssh2, { type Client } from 'ssh2';
import { ExitCode, RdtError } from '../../errors.js';
import { connectionCut, noAnswer, unreachable } from '../connection-error.js';
import { type KnownHostsStore, checkHostKey } from '../host-key-check.js';
import type { HostKeyEvent } from '../host-key-event.js';
import {
  type SshHost,
  describeHost,
  fingerprint,
  hostKeyOf,
  parseKnownHosts,
  storedKeyTypes,
} from '../known-hosts.js';
import { SilenceWatch } from '../silence-watch.js';
import type { SshAttempt } from '../ssh-attempt.js';
import { connectTcp, endpoint } from '../tcp/connect-tcp.js';
import { Authentication } from './authentication.js';
import { Credentials, type KeySources } from './credentials.js';
import { sshAlgorithms } from './ssh-algorithms.js';
import { SshConnection } from './ssh-connection.js';

const SILENCE_MS = 2_700;
/** ssh2 asks so often; a dead device is noticed after 12 s. */
const KEEPALIVE_INTERVAL_MS = 4_000;
const MOST_SILENT_INTERVALS = 3;

export interface SshOptions {
  readonly user: string;
  readonly keys: KeySources;
  readonly knownHosts: KnownHostsStore;
  readonly onHostKey: (event: HostKeyEvent) => void;
  readonly onAttempt?: (attempt: SshAttempt) => void;
}

/**
 * Connects and logs in. Rejects with an `RdtError`: exit code 4 when the host does not answer (within 3 s of silence), 7 when it lets
 * nobody in or has another host key than before, 2 when a key file that the user named cannot be used; or with the signal's reason.
 */
export const openSsh = async (
  host: SshHost,
  options: SshOptions,
  signal?: AbortSignal,
): Promise<SshConnection> => {
  const description = `ssh://${options.user}@${endpoint(host.address, host.port)}`;
  const known = parseKnownHosts(await options.knownHosts.read());
  options.onAttempt?.({ type: 'connecting', where: description });
  const socket = await connectTcp({ host: host.address, port: host.port, description }, signal);
  const login = new Login(host, options, description);
  try {
    const client = await login.run(socket, storedKeyTypes(known, host), signal);
    options.onAttempt?.({ type: 'logged-in', where: description });
    return new SshConnection(client, options.user, description);
  } catch (error) {
    socket.destroy();
    throw error;
  }
};

/**
 * Breaks a connection through which nothing has come for some intervals: whatever comes, the device is there. Intervals, and not the time, so that
 * a process that was stopped does not find its connections too old when it goes on.
 */
const endInSilence = (socket: Socket, description: string): void => {
  let silentIntervals = 0;
  const timer = setInterval(() => {
    silentIntervals += 1;
    if (silentIntervals >= MOST_SILENT_INTERVALS) socket.destroy(connectionCut(description));
  }, KEEPALIVE_INTERVAL_MS);
  socket.on('data', () => {
    silentIntervals = 0;
  });
  socket.once('close', () => clearInterval(timer));
  if (socket.destroyed) clearInterval(timer);
};

class Login {
  private readonly client: Client = new ssh2.Client();
  private readonly watch: SilenceWatch;
  private readonly authentication: Authentication;
  /** Why we ended it ourselves: ssh2 would only say that the handshake failed. */
  private failure: { readonly error: unknown } | undefined;

  constructor(
    private readonly host: SshHost,
    private readonly options: SshOptions,
    private readonly description: string,
  ) {
    this.watch = new SilenceWatch(SILENCE_MS, () => this.fail(noAnswer(description, SILENCE_MS)));
    const { askPassphrase: ask } = options.keys;
    const askPassphrase =
      ask && ((file: string, isAgain: boolean) => this.whileAPersonThinks(() => ask(file, isAgain)));
    this.authentication = new Authentication(
      options.user,
      new Credentials(
        { ...options.keys, askPassphrase },
        (credential) => options.onAttempt?.({ type: 'offering', credential }),
        (think) => this.whileAPersonThinks(think),
      ),
    );
  }

  async run(socket: Socket, keyTypes: readonly string[], signal: AbortSignal | undefined): Promise<Client> {
    const onAbort = () => this.fail(signal?.reason);
    const onData = () => this.watch.heard();
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.on('data', onData);
    try {
      await this.ready(socket, keyTypes);
      endInSilence(socket, this.description);
      return this.client;
    } catch (error) {
      this.client.destroy();
      throw this.describe(error);
    } finally {
      this.watch.stop();
      socket.off('data', onData);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  private ready(socket: Socket, keyTypes: readonly string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.client.once('ready', resolve);
      this.client.on('error', (error: Error & { level?: string }) => {
        // A key that the agent does not sign with: ssh2 goes on to the next one by itself.
        if (error.level !== 'agent') reject(error);
      });
      this.client.once('close', () => reject(connectionCut(this.description)));
      this.client.connect({
        sock: socket,
        username: this.options.user,
        // Both are ours: silence counts, not the whole time, in which a person may type a passphrase.
        readyTimeout: 0,
        authHandler: this.authentication.handler,
        algorithms: sshAlgorithms(keyTypes),
        hostVerifier: (key: Buffer, verified: (isTrusted: boolean) => void) =>
          void this.verify(key, verified),
        keepaliveInterval: KEEPALIVE_INTERVAL_MS,
        // An answer waits behind all that is on its way, which on a slow link takes longer: see `endInSilence`.
        keepaliveCountMax: Number.POSITIVE_INFINITY,
      });
    });
  }

  private async verify(blob: Buffer, verified: (isTrusted: boolean) => void): Promise<void> {
    const key = hostKeyOf(blob);
    const { knownHosts, onHostKey, onAttempt } = this.options;
    try {
      onAttempt?.({ type: 'host-key', keyType: key.type, fingerprint: fingerprint(key) });
      await checkHostKey(knownHosts, this.host, key, onHostKey);
      verified(true);
    } catch (error) {
      this.failure ??= { error };
      verified(false);
    }
  }

  private async whileAPersonThinks<T>(think: () => Promise<T>): Promise<T> {
    this.watch.stop();
    try {
      return await think();
    } finally {
      this.watch.start();
    }
  }

  private fail(error: unknown): void {
    this.failure ??= { error };
    this.client.destroy();
  }

  private describe(error: unknown): Error {
    const own = this.failure ?? this.authentication.failure;
    if (own !== undefined) return own.error as Error;
    if (isRefusal(error) || (this.authentication.hasBegun && isDisconnect(error))) {
      return this.authentication.refused(describeHost(this.host), error);
    }
    if (isMisunderstanding(error)) return this.noCommonLanguage(error);
    return unreachable(this.description, error);
  }

  private noCommonLanguage(error: Error): RdtError {
    return new RdtError(`Cannot talk to ${this.description}: ${error.message}.`, {
      exitCode: ExitCode.unreachable,
      hint: 'Check the port: ssh of a device listens on 22222. Otherwise its ssh server is too old or too new for rdt.',
      cause: error,
    });
  }
}

const levelOf = (error: unknown): unknown =>
  error instanceof Error && 'level' in error ? error.level : undefined;

const isRefusal = (error: unknown): boolean => levelOf(error) === 'client-authentication';

/** A message of the server's, with its reason as a number; too many keys make one too. */
const isDisconnect = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && typeof error.code === 'number';

const isMisunderstanding = (error: unknown): error is Error =>
  error instanceof Error && (levelOf(error) === 'handshake' || levelOf(error) === 'protocol');
