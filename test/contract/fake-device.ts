import { randomUUID } from 'node:crypto';
import { connectionCut } from '../../src/transport/connection-error.js';
import { EngineError } from '../../src/transport/engine-error.js';
import type { Engine, Volume } from '../../src/transport/engine.js';
import type { FakeContainer, FakeImage } from './fake-container.js';
import { FakeFileTree } from './fake-file-tree.js';
import { type FakeProgram, runUntilKilled } from './fake-process.js';

export type Method = Exclude<keyof Engine, 'description' | typeof Symbol.asyncDispose>;

export const FAKE_DESCRIPTION = 'tcp://fake:2375';

/** What lies on the device of a `FakeEngine`, and how a test makes it misbehave. */
export class FakeDevice {
  readonly images = new Map<string, FakeImage>();
  readonly containers = new Map<string, FakeContainer>();
  readonly volumes = new Map<string, Volume>();
  /** Every call in order, such as `putArchive app /usr/src/app`. */
  readonly calls: string[] = [];
  /** As containerd's image store does: a build that takes the last name of an image takes the image, also when a container is made from it. */
  forgetsNameless = false;
  private readonly failures = new Map<Method, Error>();
  /** What ends the streams that are open when the cable is pulled. */
  protected readonly onCut = new Set<(error: Error) => void>();
  private connected = true;

  /** `program` plays every command of every container; the default runs until it is killed. `now` is the device's clock. */
  constructor(
    protected readonly program: FakeProgram = ({ killed }) => runUntilKilled(killed),
    protected readonly now: () => Date = () => new Date(),
  ) {}

  addImage(
    tag: string,
    options: {
      labels?: Record<string, string>;
      files?: Record<string, string>;
      user?: string;
      workingDir?: string;
      entrypoint?: string[];
      cmd?: string[];
      volumes?: string[];
    } = {},
  ): FakeImage {
    for (const other of this.images.values()) {
      const hadIt = other.tags.includes(withTag(tag));
      other.tags = other.tags.filter((known) => known !== withTag(tag));
      if (hadIt && other.tags.length === 0 && this.forgetsNameless) this.images.delete(other.id);
    }
    const image: FakeImage = {
      id: `sha256:${randomUUID()}`,
      tags: [withTag(tag)],
      labels: options.labels ?? {},
      files: FakeFileTree.of({ '/bin/sh': 'sh', ...options.files }),
      user: options.user ?? '',
      workingDir: options.workingDir ?? '',
      entrypoint: options.entrypoint ?? [],
      cmd: options.cmd ?? [],
      volumes: options.volumes ?? [],
    };
    this.images.set(image.id, image);
    return image;
  }

  /** The next call of this method rejects with the error. */
  failNext(method: Method, error: Error): void {
    this.failures.set(method, error);
  }

  /** From here on every call fails as if the cable was pulled, and so do the streams of `logEntries`. */
  disconnect(): void {
    this.connected = false;
    for (const cut of [...this.onCut]) cut(connectionCut(FAKE_DESCRIPTION));
  }

  reconnect(): void {
    this.connected = true;
  }

  /** The container, for a test to look at or to change behind the back of the code under test. */
  container(ref: string): FakeContainer {
    const container = this.find(ref);
    if (container === undefined) throw new EngineError(404, `No such container: ${ref}`);
    return container;
  }

  protected find(ref: string): FakeContainer | undefined {
    const all = [...this.containers.values()];
    return (
      this.containers.get(ref) ??
      all.find((container) => container.name === ref) ??
      all.find((container) => container.id.startsWith(ref))
    );
  }

  protected isTaken(name: string): boolean {
    return [...this.containers.values()].some((container) => container.name === name);
  }

  protected findImage(ref: string): FakeImage | undefined {
    return (
      this.images.get(ref) ??
      [...this.images.values()].find((image) => image.tags.includes(withTag(ref))) ??
      [...this.images.values()].find((image) => image.id.startsWith(`sha256:${ref}`))
    );
  }

  /** What every call begins with. */
  protected async enter(
    method: Method,
    words: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    signal?.throwIfAborted();
    this.calls.push([method, ...words].join(' '));
    await Promise.resolve();
    if (!this.connected) throw connectionCut(FAKE_DESCRIPTION);
    const failure = this.failures.get(method);
    this.failures.delete(method);
    if (failure !== undefined) throw failure;
  }
}

export const withTag = (ref: string): string => (/:[^/]+$/.test(ref) ? ref : `${ref}:latest`);
