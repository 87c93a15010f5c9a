import type { Duplex } from 'node:stream';
import type { Client, ClientChannel, PseudoTtyOptions } from 'ssh2';
import { ExitCode, RdtError } from '../../errors.js';
import { connectionCut } from '../connection-error.js';
import type { SshExecOptions, SshProcess, SshSession, SshTerminal } from '../ssh-session.js';
import { ChannelStream } from './channel-stream.js';
import { ChannelProcess } from './channel-process.js';

type Opened<C> = (error: Error | undefined, channel: C) => void;

/** An ssh connection that is logged in; see `SshSession`. */
export class SshConnection implements SshSession {
  readonly closed: Promise<void>;
  private lost = false;

  constructor(
    private readonly client: Client,
    readonly user: string,
    readonly description: string,
  ) {
    // Reaches every open stream by its channel.
    client.on('error', () => {
      this.lost = true;
    });
    this.closed = new Promise((resolve) => {
      client.once('close', () => {
        this.lost = true;
        resolve();
      });
    });
  }

  /** True from the moment on that the connection is over, by whomever. */
  get isLost(): boolean {
    return this.lost;
  }

  async exec(command: string, options: SshExecOptions, signal?: AbortSignal): Promise<ChannelProcess> {
    const { terminal, env = {} } = options;
    const asked = { env: { ...env }, ...(terminal === undefined ? {} : { pty: pseudoTerminal(terminal) }) };
    const channel = await this.open<ClientChannel>(
      'run a command',
      (opened) => this.client.exec(command, asked, opened),
      signal,
    );
    return new ChannelProcess(channel, this, signal);
  }

  async shell(terminal: SshTerminal, signal?: AbortSignal): Promise<SshProcess> {
    const channel = await this.open<ClientChannel>(
      'open a shell',
      (opened) => this.client.shell(pseudoTerminal(terminal), opened),
      signal,
    );
    return new ChannelProcess(channel, this, signal);
  }

  async forwardOut(host: string, port: number, signal?: AbortSignal): Promise<Duplex> {
    const what = `connect to ${host}:${port}`;
    const start = (opened: Opened<ClientChannel>) =>
      this.client.forwardOut('127.0.0.1', 0, host, port, opened);
    return new ChannelStream(await this.open(what, start, signal), this, true);
  }

  async dialUnixSocket(path: string, signal?: AbortSignal): Promise<Duplex> {
    const start = (opened: Opened<ClientChannel>) => this.client.openssh_forwardOutStreamLocal(path, opened);
    // What has ended must not be used for another request.
    return new ChannelStream(await this.open(`connect to ${path}`, start, signal), this, false);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.lost = true;
    this.client.destroy();
    return Promise.resolve();
  }

  private open<C extends ClientChannel>(
    what: string,
    start: (opened: Opened<C>) => void,
    signal: AbortSignal | undefined,
  ): Promise<C> {
    return new Promise((resolve, reject) => {
      if (this.lost) throw connectionCut(this.description);
      signal?.throwIfAborted();
      const onAbort = () => reject(signal?.reason as Error);
      signal?.addEventListener('abort', onAbort, { once: true });
      start((error, channel) => {
        signal?.removeEventListener('abort', onAbort);
        if (error !== undefined) reject(this.refused(what, error));
        else if (signal?.aborted === true) channel.destroy();
        else resolve(channel);
      });
    });
  }

  private refused(what: string, error: Error): RdtError {
    if (this.lost) return connectionCut(this.description, error);
    return new RdtError(`${this.description} cannot ${what}: ${error.message}.`, {
      exitCode: ExitCode.unreachable,
      cause: error,
    });
  }
}

const pseudoTerminal = ({ type, columns, rows }: SshTerminal): PseudoTtyOptions => ({
  term: type,
  cols: columns,
  rows,
  width: 0,
  height: 0,
});
