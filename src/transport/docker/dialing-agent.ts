import { setMaxListeners } from 'node:events';
import { Agent } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Dialer } from '../dialer.js';

/** What node:http really expects: its type wants a stream even beside an error. */
type Dialled = (error: unknown, stream?: Duplex) => void;

const MAX_IDLE_CONNECTIONS = 4;

/** Keep-alive connections for node:http that come from a `Dialer`; they may be ssh channels, which know no socket options. */
export class DialingAgent extends Agent {
  private readonly disposal = new AbortController();

  constructor(private readonly dialer: Dialer) {
    super({ keepAlive: true, maxFreeSockets: MAX_IDLE_CONNECTIONS, scheduling: 'lifo' });
    // Each connection on its way listens to it.
    setMaxListeners(0, this.disposal.signal);
  }

  override createConnection(
    _options: unknown,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    void this.dial(callback as Dialled | undefined);
  }

  /** Called by node:http when an answer is complete: true keeps the connection for the next request. */
  override keepSocketAlive(socket: Duplex): boolean {
    // An idle connection alone must not keep the process running.
    if (socket instanceof Socket) socket.unref();
    return !socket.readableEnded;
  }

  override destroy(): void {
    this.disposal.abort(new Error('rdt has closed the connection to the engine'));
    super.destroy();
  }

  private async dial(dialled: Dialled | undefined): Promise<void> {
    try {
      dialled?.(null, withSocketOptions(await this.dialer.dial(this.disposal.signal)));
    } catch (error) {
      dialled?.(error);
    }
  }
}

/** node:http calls these two on every connection that it uses again. */
const withSocketOptions = (stream: Duplex): Duplex =>
  stream instanceof Socket ? stream : Object.assign(stream, { ref: () => stream, unref: () => stream });
