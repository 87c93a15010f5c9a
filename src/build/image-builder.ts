import type { Readable } from 'node:stream';
import type { BuilderKind, BuildStep, EmitBuildEvent } from './build-event.js';
import type { ContextSource } from './context/context-files.js';

/**
 * Builds an image on the device. Contract of `build`:
 * - a Dockerfile that does not build is a `failed` outcome, not an error; nothing of the attempt is left but cached layers.
 * - an engine that cannot be reached, or is lost on the way, is an `RdtError` with exit code 4; an error of the context
 *   (stream or files) rejects with that error; an aborted signal cuts the build on the device and rejects with the signal's reason.
 * - `step-started` of a step comes before everything else of it; `step-finished` or `step-failed` comes last, each once.
 */
export interface ImageBuilder {
  build(request: ImageBuildRequest, emit: EmitBuildEvent, signal?: AbortSignal): Promise<BuildOutcome>;
}

export interface ImageBuildRequest {
  /** A fresh tar of the context (plain or gzip) at every call: an engine without BuildKit needs a second one. */
  readonly openContext: () => Readable;
  /** The same context for a builder that keeps what it got; undefined when it shall go as a tar. */
  readonly files?: ContextSource | undefined;
  /** Path in the context, with forward slashes. */
  readonly dockerfile: string;
  /** `repository:tag` that the image gets when all of it is built. */
  readonly tag: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Secrets: never shown, never logged. */
  readonly credentials: RegistryCredentials;
  /** `buildkit` falls back to the classic builder where there is no BuildKit, or none that would take the credentials. */
  readonly preferred: BuilderKind;
}

/** By registry, as `docker login` names it: `https://index.docker.io/v1/`, `registry.example.com:5000`. */
export type RegistryCredentials = Readonly<Record<string, RegistryCredential>>;

/** In the engine's own words (`AuthConfig` of its API). */
export type RegistryCredential =
  | { readonly username: string; readonly password: string }
  | { readonly identitytoken: string };

/** Who the user is at which registry. */
export interface RegistryLogin {
  /** False when nothing is known of any registry, so that nobody needs to ask. @throws RdtError when that cannot be read. */
  hasAny(): Promise<boolean>;
  /** Those of the given registries (`docker.io` is Docker Hub) that the user has logged in to. */
  credentialsFor(registries: readonly string[], signal?: AbortSignal): Promise<RegistryCredentials>;
}

export type BuildOutcome =
  | { readonly type: 'built'; readonly imageId: string; readonly builder: BuilderKind }
  | { readonly type: 'failed'; readonly failure: BuildFailure };

export interface BuildFailure {
  readonly builder: BuilderKind;
  /** The engine's own words. */
  readonly message: string;
  /** Undefined when no step had begun: a Dockerfile that does not parse, a base image that cannot be found. */
  readonly step: BuildStep | undefined;
  /** Exit code of the `RUN` that failed. */
  readonly runExitCode: number | undefined;
  /** The last lines that the failing step put out, at most `FAILURE_OUTPUT_LINES`. */
  readonly output: readonly string[];
}

export const FAILURE_OUTPUT_LINES = 40;
