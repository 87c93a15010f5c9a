import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { ExitCode, RdtError } from '../../errors.js';
import { connectionCut } from '../connection-error.js';
import type { Dialer } from '../dialer.js';
import { EngineHttp, readText } from '../docker/engine-http.js';
import type { ChannelProcess } from './channel-process.js';
import type { SshConnection } from './ssh-connection.js';

/** In this order: docker before balenaOS 2.9, its successors since (device-facts). */
const ENGINE_SOCKETS = [
  '/var/run/docker.sock',
  '/var/run/balena-engine.sock',
  '/var/run/balena.sock',
] as const;

/** For servers that do not forward sockets (dropbear). Holds no values. */
const STDIO_COMMAND = `for engine in docker balena-engine balena; do
  if command -v "$engine" >/dev/null 2>&1; then exec "$engine" system dial-stdio; fi
done
echo "no engine client (docker, balena-engine, balena) on this device" >&2
exit 127`;
const PROBE_SILENCE_MS = 3_000;

type Route = { readonly kind: 'socket'; readonly path: string } | { readonly kind: 'stdio' };

/** Streams to the engine of a device through one ssh connection, which it owns: its unix socket, or its client's `system dial-stdio`. */
export class SshEngineDialer implements Dialer {
  readonly description: string;
  private route: Promise<Route> | undefined;
  /** The stream that found the route, for the first who dials. */
  private spare: Duplex | undefined;

  constructor(private readonly connection: SshConnection) {
    this.description = connection.description;
  }

  async dial(signal?: AbortSignal): Promise<Duplex> {
    const route = await this.knownRoute();
    signal?.throwIfAborted();
    const { spare } = this;
    this.spare = undefined;
    return spare ?? this.open(route, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection[Symbol.asyncDispose]();
  }

  private knownRoute(): Promise<Route> {
    const route = this.route ?? this.findRoute();
    this.route = route;
    // An engine that was down may be up for the next one who dials.
    route.catch(() => {
      this.route = undefined;
    });
    return route;
  }

  private async open(route: Route, signal: AbortSignal | undefined): Promise<Duplex> {
    if (route.kind === 'socket') return this.openSocket(route.path, signal);
    return (await this.startStdio(signal)).stream;
  }

  /** sshd does not tell why it cannot connect to a socket to which it could before. */
  private async openSocket(path: string, signal: AbortSignal | undefined): Promise<Duplex> {
    try {
      return await this.connection.dialUnixSocket(path, signal);
    } catch (error) {
      if (!(error instanceof RdtError) || this.connection.isLost) throw error;
      const { message, exitCode } = error;
      throw new RdtError(message, { hint: 'Is the engine still running there?', exitCode, cause: error });
    }
  }

  /** dropbear (2022.83) closes a new channel unused when a program on another one ends at that moment, so it is asked twice. */
  private async startStdio(signal?: AbortSignal): Promise<ChannelProcess> {
    try {
      return await this.connection.exec(STDIO_COMMAND, {}, signal);
    } catch (error) {
      if (signal?.aborted === true || this.connection.isLost) throw error;
      return this.connection.exec(STDIO_COMMAND, {}, signal);
    }
  }

  private async findRoute(): Promise<Route> {
    const tried = await Promise.allSettled(
      ENGINE_SOCKETS.map((path) => this.connection.dialUnixSocket(path)),
    );
    const index = tried.findIndex((attempt) => attempt.status === 'fulfilled');
    for (const [other, attempt] of tried.entries()) {
      if (attempt.status !== 'fulfilled') continue;
      if (other === index) this.spare = attempt.value;
      else attempt.value.destroy();
    }
    const path = ENGINE_SOCKETS[index];
    if (path !== undefined) return { kind: 'socket', path };
    if (this.connection.isLost) throw connectionCut(this.description);
    await this.probeStdio();
    return { kind: 'stdio' };
  }

  /** Says for sure that an engine answers there, since an ssh channel opens for any command. */
  private async probeStdio(): Promise<void> {
    const process = await this.startStdio();
    const complaint = text(process.stderr);
    const { description } = this;
    const http = new EngineHttp({
      description,
      dial: () => Promise.resolve(process.stream),
      [Symbol.asyncDispose]: () => Promise.resolve(void process.stream.destroy()),
    });
    try {
      const ping = { method: 'GET', path: '/_ping', silenceMs: PROBE_SILENCE_MS } as const;
      await readText((await http.requestOk(ping)).body);
    } catch (error) {
      process.stream.destroy();
      throw this.noEngine(await complaint, error);
    } finally {
      await http[Symbol.asyncDispose]();
      // Its end must not meet the start of the next one; see `startStdio`.
      await process.exit.catch(() => undefined);
    }
  }

  private noEngine(complaint: string, cause: unknown): RdtError {
    const words = complaint.trim().split('\n').slice(-3).join(' ');
    return new RdtError(
      `No container engine answers on ${this.description}${words === '' ? '' : `: ${words}`}.`,
      {
        exitCode: ExitCode.unreachable,
        hint:
          `Tried the sockets ${ENGINE_SOCKETS.join(', ')} and \`docker system dial-stdio\`. ` +
          (/permission denied/i.test(words)
            ? `There, \`sudo usermod -aG docker ${this.connection.user}\` gives this user access, from the next connection on.`
            : 'Is the engine running there?'),
        cause,
      },
    );
  }
}
