import { RdtError } from '../errors.js';
import type { Clock } from '../runtime.js';
import { BuildError } from './build-error.js';
import type { BuilderKind, EmitBuildEvent } from './build-event.js';
import type { ContextSource } from './context/context-files.js';
import type { ContextEntry, ListedEntry } from './context/context-entry.js';
import type { ContextKeys } from './context/context-keys.js';
import { type BuildContext, openContext } from './context/open-context.js';
import { externalImages, fullReference, parseDockerfile } from './dockerfile.js';
import type { BuildOutcome, ImageBuilder, RegistryCredentials, RegistryLogin } from './image-builder.js';

export interface BuildImageRequest {
  /** Absolute path of the folder to build. */
  readonly source: string;
  /** Relative to the source; default `Dockerfile`. */
  readonly dockerfile?: string;
  /** `repository:tag` of the new image. An image that has it keeps it until the new one is built. */
  readonly tag: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly platform: NodeJS.Platform;
  /** The context, where the link is worth it and the engine takes it so. */
  readonly compress: boolean;
  readonly clock: Clock;
  /** For private base images. */
  readonly login?: RegistryLogin;
  /** Lets the device keep the context, so that the next build sends what changed only. */
  readonly kept?: KeptContext;
  /** Told what the context is made of, before anything of it is sent. */
  readonly listed?: ((entries: readonly ListedEntry[]) => void) | undefined;
}

interface KeptContext {
  readonly keys: ContextKeys;
  /** A name for it: each device has keys of its own. */
  readonly device: string;
}

export interface BuiltImage {
  /** `sha256:...` */
  readonly imageId: string;
  readonly builder: BuilderKind;
  /** What the context was made of, without names that are not UTF-8; any other path of the folder was kept out by .dockerignore. */
  readonly context: ReadonlyMap<string, ContextEntry['type']>;
}

/**
 * Builds the source folder on the device. Nothing was sent when it fails for something that the folder shows.
 * @throws BuildError (exit code 5) with the instruction that failed; RdtError when the folder can not be sent, or (exit code 4)
 *   the device is lost; the signal's reason when it is aborted, after which the device ends the build by itself.
 */
export async function buildImage(
  request: BuildImageRequest,
  builder: ImageBuilder,
  emit: EmitBuildEvent,
  signal?: AbortSignal,
): Promise<BuiltImage> {
  try {
    return await build(request, builder, emit, signal);
  } finally {
    emit({ type: 'ended' });
  }
}

async function build(
  request: BuildImageRequest,
  builder: ImageBuilder,
  emit: EmitBuildEvent,
  signal: AbortSignal | undefined,
): Promise<BuiltImage> {
  const { tag, labels, buildArgs = {} } = request;
  const context = await openContext(request, emit, signal);
  request.listed?.(context.entries);
  const credentials = await credentialsFor(context, request, emit, signal);
  const { dockerfile } = context;
  const open = () => context.open(request, emit);
  const asked = {
    openContext: open,
    dockerfile,
    tag,
    labels,
    buildArgs,
    credentials,
    preferred: 'buildkit',
  } as const;
  const outcome = await withFiles(request, context, (files) =>
    builder.build({ ...asked, files }, emit, signal),
  );
  if (outcome.type === 'failed') {
    throw BuildError.of(
      outcome.failure,
      await parseDockerfile(context.dockerfileText, buildArgs),
      dockerfile,
    );
  }
  const { imageId, builder: kind } = outcome;
  emit({ type: 'built', imageId, builder: kind });
  return { imageId, builder: kind, context: kindsOf(context.entries) };
}

const kindsOf = (entries: readonly ContextEntry[]): BuiltImage['context'] =>
  new Map(entries.filter(({ rawPath }) => rawPath === undefined).map(({ path, type }) => [path, type]));

/** Keeps the key only of a build that was answered: see `ContextKeys`. */
async function withFiles(
  request: BuildImageRequest,
  context: BuildContext,
  work: (files: ContextSource | undefined) => Promise<BuildOutcome>,
): Promise<BuildOutcome> {
  const { kept, source, tag } = request;
  if (kept === undefined) return work(undefined);
  const target = JSON.stringify([kept.device, source, tag]);
  const key = await kept.keys.take(target);
  const outcome = await work(context.files(key, request));
  await kept.keys.keep(target, key);
  return outcome;
}

async function credentialsFor(
  { dockerfileText }: BuildContext,
  { login, buildArgs = {} }: BuildImageRequest,
  emit: EmitBuildEvent,
  signal: AbortSignal | undefined,
): Promise<RegistryCredentials> {
  if (login === undefined || !(await hasAny(login, emit))) return {};
  const images = externalImages(await parseDockerfile(dockerfileText, buildArgs)).map(fullReference);
  // Official images are public: whoever is logged in to Docker Hub need not give up BuildKit for them.
  const closed = images.filter((image) => !image.startsWith('docker.io/library/'));
  const registries = closed.map((image) => image.slice(0, image.indexOf('/')));
  return login.credentialsFor([...new Set(registries)], signal);
}

/** Most images need no login, so that a build is tried without: the docker client does the same. */
async function hasAny(login: RegistryLogin, emit: EmitBuildEvent): Promise<boolean> {
  try {
    return await login.hasAny();
  } catch (error) {
    if (!(error instanceof RdtError)) throw error;
    const reason = [error.message, error.hint].filter((part) => part !== undefined).join(' ');
    emit({ type: 'warning', message: `built without registry logins: ${reason}` });
    return false;
  }
}
