import type { BuilderKind, EmitBuildEvent } from '../../build/build-event.js';
import { ContextChanged } from '../../build/context/context-files.js';
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
import { BuildSession } from './session/build-session.js';

/** How the context gets to the engine. */
type Handover =
  | { readonly kind: 'tar'; readonly builder: BuilderKind }
  | { readonly kind: 'session'; readonly id: string };

interface Attempt {
  readonly outcome: BuildOutcome;
  readonly sawTrace: boolean;
}

/**
 * Builds through `POST /build`. BuildKit asks for the files that it lacks over a session; where there is none to be had it takes the
 * context as a tar (since 18.06). An engine that has no BuildKit is noticed by the lack of its trace (20.10 does not announce it in
 * `/_ping`), and gets a classic build.
 */
export class EngineImageBuilder implements ImageBuilder {
  /** Remembered, so that a device without BuildKit gets the context twice only once. */
  private withoutBuildkit = false;
  private withoutSessions = false;

  constructor(private readonly http: EngineHttp) {}

  async build(request: ImageBuildRequest, emit: EmitBuildEvent, signal?: AbortSignal): Promise<BuildOutcome> {
    if (this.withoutBuildkit || request.preferred === 'classic')
      return this.buildClassic(request, emit, signal);
    const overSession = await this.buildOverSession(request, emit, signal);
    if (overSession !== undefined) return overSession;
    // Without a session BuildKit takes no logins.
    if (Object.keys(request.credentials).length > 0) return this.buildClassic(request, emit, signal);
    const { outcome, sawTrace } = await this.attempt(
      { kind: 'tar', builder: 'buildkit' },
      request,
      emit,
      signal,
    );
    if (sawTrace || outcome.type === 'built') return outcome;
    this.withoutBuildkit = true;
    return this.buildClassic(request, emit, signal);
  }

  private async buildClassic(
    request: ImageBuildRequest,
    emit: EmitBuildEvent,
    signal: AbortSignal | undefined,
  ): Promise<BuildOutcome> {
    return (await this.attempt({ kind: 'tar', builder: 'classic' }, request, emit, signal)).outcome;
  }

  /** Undefined when the context has to go in another way. */
  private async buildOverSession(
    request: ImageBuildRequest,
    emit: EmitBuildEvent,
    signal: AbortSignal | undefined,
  ): Promise<BuildOutcome | undefined> {
    if (this.withoutSessions || request.files === undefined) return undefined;
    const { dockerfile, credentials } = request;
    const over = new AbortController();
    const whileOpen = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
    const files = request.files.offer(whileOpen);
    // Whoever asks for the files hears of it; nobody does when there is no session.
    files.catch(() => undefined);
    const { key, level } = request.files;
    const offer = { key, level, dockerfile, credentials, files };
    try {
      using session = await BuildSession.open(this.http, offer, emit, signal);
      this.withoutSessions = session === undefined;
      // Awaited here: the session must outlive the build.
      return session === undefined ? undefined : await this.buildWith(session, request, emit, signal);
    } finally {
      over.abort();
    }
  }

  private async buildWith(
    session: BuildSession,
    request: ImageBuildRequest,
    emit: EmitBuildEvent,
    signal: AbortSignal | undefined,
  ): Promise<BuildOutcome | undefined> {
    const { outcome, sawTrace } = await this.attempt(
      { kind: 'session', id: session.id },
      request,
      emit,
      signal,
    ).catch((error: unknown) => {
      // The engine ends a build whose context breaks off: what broke it off says more.
      const { failure } = session;
      const saysMore =
        signal?.aborted !== true && failure !== undefined && !(failure instanceof ContextChanged);
      throw (saysMore ? failure : error) as Error;
    });
    if (session.failure instanceof ContextChanged) return undefined;
    if (session.failure !== undefined) throw session.failure as Error;
    if (outcome.type === 'built' || (sawTrace && session.wasUsed)) return outcome;
    this.withoutSessions = true;
    return undefined;
  }

  private async attempt(
    handover: Handover,
    request: ImageBuildRequest,
    emit: EmitBuildEvent,
    signal: AbortSignal | undefined,
  ): Promise<Attempt> {
    try {
      const answer = await this.post(handover, request, signal);
      return await this.readAnswer(answer, request, emit, signal);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      const builder = handover.kind === 'tar' ? handover.builder : 'buildkit';
      return { outcome: failedWith(builder, error.message), sawTrace: false };
    }
  }

  private post(
    handover: Handover,
    request: ImageBuildRequest,
    signal: AbortSignal | undefined,
  ): Promise<EngineAnswer> {
    const overSession = handover.kind === 'session';
    return this.http.requestOk({
      method: 'POST',
      path: '/build',
      query: {
        version: overSession || handover.builder === 'buildkit' ? 2 : 1,
        t: request.tag,
        dockerfile: request.dockerfile,
        labels: JSON.stringify(request.labels),
        buildargs: JSON.stringify(request.buildArgs),
        // What `docker build` sends; BuildKit refuses a build without it.
        networkmode: 'default',
        rm: true,
        // The container of a step that failed or was interrupted goes too.
        forcerm: true,
        remote: overSession ? 'client-session' : undefined,
        session: overSession ? handover.id : undefined,
      },
      headers: { 'Content-Type': 'application/x-tar', ...registryHeader(request.credentials) },
      body: overSession ? Buffer.alloc(0) : request.openContext(),
      signal,
    });
  }

  private async readAnswer(
    answer: EngineAnswer,
    request: ImageBuildRequest,
    emit: EmitBuildEvent,
    signal: AbortSignal | undefined,
  ): Promise<Attempt> {
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

function failedWith(builder: BuilderKind, message: string): BuildOutcome {
  return {
    type: 'failed',
    failure: { builder, message, step: undefined, runExitCode: undefined, output: [] },
  };
}

/** The engine decodes the alphabet for URLs, with its padding (Go's `base64.URLEncoding`). */
function registryHeader(credentials: RegistryCredentials): Record<string, string> {
  if (Object.keys(credentials).length === 0) return {};
  const encoded = Buffer.from(JSON.stringify(credentials)).toString('base64');
  return { 'X-Registry-Config': encoded.replaceAll('+', '-').replaceAll('/', '_') };
}
