import type { BuilderKind, EmitBuildEvent } from '../../build/build-event.js';
import type {
  BuildOutcome,
  ImageBuilder,
  ImageBuildRequest,
  RegistryCredentials,
} from '../../build/image-builder.js';
import { connectionCut } from '../connection-error.js';
import { EngineError } from '../engine-error.js';
import { BuildkitOutput } from './build-buildkit.js';
import { ClassicOutput } from './build-classic.js';
import { readBuildMessages } from './build-message.js';
import { BuildSteps } from './build-steps.js';
import { type EngineAnswer, type EngineHttp, readText } from './engine-http.js';

/**
 * Builds through `POST /build`. BuildKit takes the context as a tar without a session since 18.06; an engine that has no
 * BuildKit is noticed by the lack of its trace (20.10 does not announce it in `/_ping`), and gets a classic build.
 */
export class EngineImageBuilder implements ImageBuilder {
  /** Remembered, so that a device without BuildKit gets the context twice only once. */
  private withoutBuildkit = false;

  constructor(private readonly http: EngineHttp) {}

  async build(request: ImageBuildRequest, emit: EmitBuildEvent, signal?: AbortSignal): Promise<BuildOutcome> {
    if (this.withoutBuildkit || request.preferred === 'classic') {
      return (await this.attempt('classic', request, emit, signal)).outcome;
    }
    const { outcome, sawTrace } = await this.attempt('buildkit', request, emit, signal);
    if (sawTrace || outcome.type === 'built') return outcome;
    this.withoutBuildkit = true;
    return (await this.attempt('classic', request, emit, signal)).outcome;
  }

  private async attempt(
    kind: BuilderKind,
    request: ImageBuildRequest,
    emit: EmitBuildEvent,
    signal: AbortSignal | undefined,
  ): Promise<{ outcome: BuildOutcome; sawTrace: boolean }> {
    try {
      const answer = await this.post(kind, request, signal);
      return await this.readAnswer(answer, request, emit, signal);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      const nothing = { step: undefined, runExitCode: undefined, output: [] };
      const failure = { builder: kind, message: error.message, ...nothing };
      return { outcome: { type: 'failed', failure }, sawTrace: false };
    }
  }

  private post(
    kind: BuilderKind,
    request: ImageBuildRequest,
    signal: AbortSignal | undefined,
  ): Promise<EngineAnswer> {
    return this.http.requestOk({
      method: 'POST',
      path: '/build',
      query: {
        version: kind === 'buildkit' ? 2 : 1,
        t: request.tag,
        dockerfile: request.dockerfile,
        labels: JSON.stringify(request.labels),
        buildargs: JSON.stringify(request.buildArgs),
        // What `docker build` sends; BuildKit refuses a build without it.
        networkmode: 'default',
        rm: true,
        // The container of a step that failed or was interrupted goes too.
        forcerm: true,
      },
      headers: { 'Content-Type': 'application/x-tar', ...registryHeader(request.credentials) },
      body: request.openContext(),
      signal,
    });
  }

  private async readAnswer(
    answer: EngineAnswer,
    request: ImageBuildRequest,
    emit: EmitBuildEvent,
    signal: AbortSignal | undefined,
  ): Promise<{ outcome: BuildOutcome; sawTrace: boolean }> {
    const steps = new BuildSteps(emit);
    const buildkit = new BuildkitOutput(steps, emit);
    const classic = new ClassicOutput(steps, emit);
    for await (const message of readBuildMessages(answer.body)) {
      if (message.id?.startsWith('moby.') === true || buildkit.sawTrace) buildkit.read(message);
      else classic.read(message);
    }
    classic.end();
    const failure = buildkit.failure ?? classic.failure;
    if (failure !== undefined) return { outcome: { type: 'failed', failure }, sawTrace: buildkit.sawTrace };
    const builder = buildkit.sawTrace ? 'buildkit' : 'classic';
    const imageId = buildkit.imageId ?? (await this.classicImageId(classic, request.tag, signal));
    return { outcome: { type: 'built', imageId, builder }, sawTrace: buildkit.sawTrace };
  }

  /** Engines before 17.04 tell the id of a built image only by its first 12 digits. */
  private async classicImageId(
    { built, imageId }: ClassicOutput,
    tag: string,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    // An engine that is shut down ends its answer as if all had been said.
    if (!built) throw connectionCut(this.http.description);
    if (imageId !== undefined) return imageId;
    const path = `/images/${encodeURIComponent(tag)}/json`;
    const answer = await this.http.requestOk({ method: 'GET', path, signal });
    return (JSON.parse(await readText(answer.body)) as { Id: string }).Id;
  }
}

/** The engine decodes the alphabet for URLs, with its padding (Go's `base64.URLEncoding`). */
function registryHeader(credentials: RegistryCredentials): Record<string, string> {
  if (Object.keys(credentials).length === 0) return {};
  const encoded = Buffer.from(JSON.stringify(credentials)).toString('base64');
  return { 'X-Registry-Config': encoded.replaceAll('+', '-').replaceAll('/', '_') };
}
