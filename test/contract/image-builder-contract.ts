import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BuildEvent } from '../../src/build/build-event.js';
import type { ContextSource, OfferedFile } from '../../src/build/context/context-files.js';
import type { ImageBuilder, ImageBuildRequest } from '../../src/build/image-builder.js';

export interface BuilderSubject extends AsyncDisposable {
  readonly builder: ImageBuilder;
  /** Id of the image that has this tag. */
  imageId(tag: string): Promise<string | undefined>;
  /** How many containers there are, running or not. */
  containers(): Promise<number>;
}

/** How a builder is given the context. */
type ContextKind = 'tar' | 'files';

/** What every `ImageBuilder` does. The device has `busybox:latest` and reaches no registry. */
export function imageBuilderContract(
  name: string,
  preferred: ImageBuildRequest['preferred'],
  open: () => Promise<BuilderSubject>,
  contextKind: ContextKind = 'tar',
): void {
  describe(`an image builder: ${name}`, () => {
    let subject: BuilderSubject;
    beforeAll(async () => {
      subject = await open();
    });
    afterAll(async () => {
      await subject[Symbol.asyncDispose]();
    });

    const build = async (
      dockerfile: string,
      change: Partial<ImageBuildRequest> = {},
      signal?: AbortSignal,
    ) => {
      const events: BuildEvent[] = [];
      const content = { Dockerfile: dockerfile };
      const request =
        contextKind === 'tar'
          ? requestOf(content, { preferred, ...change })
          : requestOf(content, { preferred, openContext: noTar, files: filesOf(content), ...change });
      const outcome = await subject.builder.build(request, (event) => events.push(event), signal);
      return { outcome, events };
    };

    it('gives the built image its tag, and says its id', async () => {
      const { outcome } = await build('FROM busybox\nRUN echo made > /made\n', { tag: 'made:latest' });
      expect(outcome.type).toBe('built');
      expect(outcome).toHaveProperty('imageId', await subject.imageId('made:latest'));
    });

    it('tells of each step once, from its start to its end, and its output in between', async () => {
      const { events } = await build('FROM busybox\nRUN echo hello from the step\n');
      const started = events.filter((event) => event.type === 'step-started').map(({ step }) => step.number);
      expect(started).toEqual(started.map((_, index) => index + 1));
      const ofRun = events.filter((event) => 'step' in event && event.step.name.includes('RUN echo hello'));
      expect(ofRun.map(({ type }) => type)).toEqual(['step-started', 'output', 'step-finished']);
      expect(ofRun[1]).toMatchObject({ stream: 'stdout', line: 'hello from the step' });
    });

    it('takes a repeated step from its cache', async () => {
      await build('FROM busybox\nRUN echo once > /once\n');
      const { events } = await build('FROM busybox\nRUN echo once > /once\n');
      const end = events.find((e) => e.type === 'step-finished' && e.step.name.includes('RUN echo once'));
      expect(end).toMatchObject({ cached: true });
    });

    it('ends with the failing step, its exit code and its last output when a RUN fails', async () => {
      const { outcome, events } = await build('FROM busybox\nRUN echo why not; exit 7\n', {
        tag: 'never:latest',
      });
      expect(outcome).toMatchObject({
        type: 'failed',
        failure: { runExitCode: 7, output: ['why not'], step: { name: '[2/2] RUN echo why not; exit 7' } },
      });
      expect(events.at(-1)).toMatchObject({
        type: 'step-failed',
        step: { name: '[2/2] RUN echo why not; exit 7' },
      });
      expect(await subject.imageId('never:latest')).toBeUndefined();
    });

    it('ends as failed, without a step, when the Dockerfile does not parse', async () => {
      const { outcome } = await build('FROM busybox\nFOO bar\n');
      expect(outcome).toMatchObject({ type: 'failed', failure: { step: undefined } });
    });

    it('leaves the old image its tag, and no container behind, when the new one fails', async () => {
      await build('FROM busybox\nRUN echo old > /old\n', { tag: 'kept:latest' });
      const before = await subject.imageId('kept:latest');
      await build('FROM busybox\nRUN exit 1\n', { tag: 'kept:latest' });
      expect(await subject.imageId('kept:latest')).toBe(before);
      expect(await subject.containers()).toBe(0);
    });

    it('rejects with the error of the context', async () => {
      const broken = new Error('a file went away');
      const openContext = () => Readable.from(failing(broken), { objectMode: true });
      const files = filesOf({ Dockerfile: '# broken' }, () => failing(broken));
      const change = contextKind === 'tar' ? { openContext } : { files };
      await expect(build('', change)).rejects.toBe(broken);
    });

    it('rejects with the reason of the signal', async () => {
      const abort = new AbortController();
      const reason = new Error('stop');
      const openContext = () => {
        abort.abort(reason);
        return tarOf({ Dockerfile: 'FROM busybox\n' });
      };
      const files = filesOf({ Dockerfile: 'FROM scratch\n' }, (content) => {
        abort.abort(reason);
        return Readable.from([content]);
      });
      const change = contextKind === 'tar' ? { openContext } : { files };
      await expect(build('', change, abort.signal)).rejects.toBe(reason);
    });
  });
}

export const requestOf = (
  files: Readonly<Record<string, string>>,
  change: Partial<ImageBuildRequest> = {},
): ImageBuildRequest => ({
  openContext: () => tarOf(files),
  dockerfile: 'Dockerfile',
  tag: 'contract:latest',
  labels: {},
  buildArgs: {},
  credentials: {},
  preferred: 'buildkit',
  ...change,
});

const noTar = (): never => {
  throw new Error('the context was to go file by file');
};

type ReadFile = (content: Buffer) => AsyncIterable<Buffer>;

/** The same files one by one; a key of their own makes the engine ask for each of them. */
function filesOf(
  files: Readonly<Record<string, string>>,
  read: ReadFile = (content) => Readable.from([content]),
): ContextSource {
  const entries = Object.entries(files).map(([path, text]) => {
    const sizeBytes = Buffer.byteLength(text);
    return {
      type: 'file',
      path,
      rawPath: undefined,
      mode: 0o644,
      mtimeSeconds: 1,
      mtimeNs: 1n,
      sizeBytes,
    } as const;
  });
  const offered = { entries, read: (file: OfferedFile) => read(Buffer.from(files[file.path] ?? '')) };
  return { key: randomUUID(), level: undefined, offer: () => Promise.resolve(offered) };
}

function tarOf(files: Readonly<Record<string, string>>): Readable {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name }, content);
  tar.finalize();
  return Readable.from(tar, { objectMode: true });
}

async function* failing(error: Error): AsyncGenerator<Buffer> {
  yield await Promise.resolve(Buffer.alloc(1024));
  throw error;
}
