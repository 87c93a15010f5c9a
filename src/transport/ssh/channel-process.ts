import type { Duplex, Readable } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import { connectionCut } from '../connection-error.js';
import type { SshExit, SshProcess } from '../ssh-session.js';
import { ChannelStream } from './channel-stream.js';

/** A command on the other side of an ssh channel. Aborting the signal closes the channel, which hangs it up. */
export class ChannelProcess implements SshProcess {
  /** Both ways in one, for commands that carry a protocol. */
  readonly stream: Duplex;
  readonly stdin: Duplex;
  readonly stdout: Duplex;
  readonly stderr: Readable;
  readonly exit: Promise<SshExit>;

  constructor(
    private readonly channel: ClientChannel,
    connection: { readonly isLost: boolean; readonly description: string },
    signal: AbortSignal | undefined,
  ) {
    // A program may close its outputs, and read its input to the end.
    const stream = new ChannelStream(channel, connection, true);
    // Whoever waits for the exit only learns of a failure from it.
    stream.on('error', () => undefined);
    this.stream = stream;
    this.stdin = stream;
    this.stdout = stream;
    this.stderr = channel.stderr;
    this.exit = new Promise((resolve, reject) => {
      let exit: SshExit | undefined;
      const onAbort = () => {
        reject(signal?.reason as Error);
        stream.destroy(signal?.reason as Error);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      channel.once('exit', (code: number | null, signalName?: string) => {
        exit = code === null ? { kind: 'killed', signal: withoutSig(signalName) } : { kind: 'exited', code };
      });
      channel.once('close', () => {
        signal?.removeEventListener('abort', onAbort);
        if (exit === undefined) reject(connectionCut(connection.description));
        else resolve(exit);
      });
    });
    this.exit.catch(() => undefined);
  }

  resize(columns: number, rows: number): void {
    this.channel.setWindow(rows, columns, 0, 0);
  }
}

/** Servers write it `TERM`, ssh2 says `SIGTERM`. */
const withoutSig = (name = ''): string => name.replace(/^SIG/, '');
