import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import type { BuildEvent, BuildStep } from '../../src/build/build-event.js';
import type { BuildOutcome, ImageBuilder, ImageBuildRequest } from '../../src/build/image-builder.js';

/** An image that a fake build has made. */
export interface FakeImage {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The context it was built from. */
  readonly files: ReadonlyMap<string, string>;
}

/**
 * Builds images of nothing: reads the context, and the Dockerfile line by line. `RUN` knows `echo` and `exit` only, and `COPY` whether a
 * single file is there.
 * Everything that was built is in `images`, by tag.
 */
export class FakeImageBuilder implements ImageBuilder {
  readonly images = new Map<string, FakeImage>();
  readonly requests: ImageBuildRequest[] = [];
  private readonly cache = new Set<string>();

  async build(
    request: ImageBuildRequest,
    emit: (event: BuildEvent) => void,
    signal?: AbortSignal,
  ): Promise<BuildOutcome> {
    signal?.throwIfAborted();
    this.requests.push(request);
    const files = await readTar(request.openContext());
    signal?.throwIfAborted();
    const instructions = (files.get(request.dockerfile) ?? '')
      .split('\n')
      .filter((line) => !/^(#|\s*$)/.test(line));
    const unknown = instructions.findIndex((line) => !/^(FROM|RUN|COPY|CMD|WORKDIR|ENV) /.test(line));
    if (unknown >= 0) return failed(`parse error line ${unknown + 1}: unknown instruction`);
    for (const [index, instruction] of instructions.entries()) {
      const name = `[${index + 1}/${instructions.length}] ${instruction}`;
      const code = this.runStep({ number: index + 1, name, kind: 'instruction' }, instruction, emit);
      const missing = missingFile(instruction, files);
      if (missing !== undefined) return failed(`"/${missing}" not found`);
      if (code !== 0)
        return failed('the command failed', { number: index + 1, name, kind: 'instruction' }, code);
    }
    const id = `sha256:${createHash('sha256')
      .update(JSON.stringify([...files]))
      .digest('hex')}`;
    this.images.set(request.tag, { id, labels: request.labels, files });
    return { type: 'built', imageId: id, builder: request.preferred };
  }

  private runStep(step: BuildStep, instruction: string, emit: (event: BuildEvent) => void): number {
    const cached = this.cache.has(instruction);
    emit({ type: 'step-started', step });
    const line = echoed(instruction);
    if (line !== undefined && !cached) emit({ type: 'output', step, stream: 'stdout', line });
    const code = Number(/\bexit (\d+)/.exec(instruction)?.[1] ?? 0);
    if (code !== 0) emit({ type: 'step-failed', step });
    else emit({ type: 'step-finished', step, cached });
    if (code === 0) this.cache.add(instruction);
    return code;
  }
}

function missingFile(instruction: string, files: ReadonlyMap<string, string>): string | undefined {
  const path = /^COPY ([^ ]*[^ ./]) /.exec(instruction)?.[1];
  return path === undefined || files.has(path) ? undefined : path;
}

const echoed = (instruction: string): string | undefined => /RUN echo ([^;>]*)(?:;|$)/.exec(instruction)?.[1];

function failed(message: string, step?: BuildStep, runExitCode?: number): BuildOutcome {
  const output = step === undefined ? [] : [echoed(step.name) ?? ''].filter((line) => line !== '');
  return { type: 'failed', failure: { builder: 'classic', message, step, runExitCode, output } };
}

/** The files of a tar, plain or gzip, as text. */
export async function readTar(tar: Readable): Promise<Map<string, string>> {
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const files = new Map<string, string>();
  const reader = extract();
  reader.end(isGzip ? gunzipSync(bytes) : bytes);
  for await (const entry of reader) {
    const content: Buffer[] = [];
    for await (const piece of entry) content.push(piece as Buffer);
    files.set(entry.header.name, Buffer.concat(content).toString());
  }
  return files;
}
