import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How a server misbehaves. */
export interface ServerFaults {
  /** Cuts a connection after so many bytes. */
  readonly dropAfterBytes?: number;
  /** Sends everything again instead of a range. */
  readonly noRanges?: boolean;
  /** Tells another version of the file from the second request on. */
  readonly changes?: boolean;
  readonly encoding?: string;
  readonly noLength?: boolean;
  /** What lies beside the image, by name. */
  readonly beside?: Readonly<Record<string, string>>;
  /** Lets those who ask for something beside the image wait for ever. */
  readonly silentBeside?: true;
}

/** Hands out one file on loopback, as badly as it is told to. */
export class ImageServer implements AsyncDisposable {
  readonly ranges: (string | undefined)[] = [];
  private constructor(
    private readonly server: Server,
    private readonly content: Buffer,
    private readonly faults: ServerFaults,
  ) {
    server.on('request', (request, response) => this.answer(request, response));
  }

  static async start(content: Buffer, faults: ServerFaults = {}): Promise<ImageServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new ImageServer(server, content, faults);
  }

  url(name: string): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/${name}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    if (/\.(sha256|bmap)$/.test(request.url ?? '')) {
      this.answerBeside((request.url ?? '').slice(1), response);
      return;
    }
    const { range } = request.headers;
    this.ranges.push(range);
    if (request.url === '/moved') {
      response.writeHead(302, { location: '/os.img' }).end();
      return;
    }
    if (request.url === '/missing') {
      response.writeHead(404).end();
      return;
    }
    const start = this.faults.noRanges === true ? 0 : Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    this.send(response, start, range !== undefined && this.faults.noRanges !== true);
  }

  private answerBeside(name: string, response: ServerResponse): void {
    if (this.faults.silentBeside === true) return;
    const text = this.faults.beside?.[name];
    response.writeHead(text === undefined ? 404 : 200).end(text);
  }

  private send(response: ServerResponse, start: number, partial: boolean): void {
    const { content, faults } = this;
    const version = faults.changes === true ? this.ranges.length : 1;
    response.statusCode = partial ? 206 : 200;
    response.setHeader('etag', `"version-${version}"`);
    if (faults.noLength !== true) response.setHeader('content-length', content.length - start);
    if (faults.encoding !== undefined) response.setHeader('content-encoding', faults.encoding);
    if (partial)
      response.setHeader('content-range', `bytes ${start}-${content.length - 1}/${content.length}`);
    const end = Math.min(content.length, start + (faults.dropAfterBytes ?? Infinity));
    if (end === content.length) response.end(content.subarray(start));
    else response.write(content.subarray(start, end), () => response.destroy());
  }
}
