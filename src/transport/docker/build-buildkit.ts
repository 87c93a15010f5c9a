import type { BuildStep, EmitBuildEvent } from '../../build/build-event.js';
import type { BuildFailure } from '../../build/image-builder.js';
import type { BuildMessage } from './build-message.js';
import type { BuildSteps } from './build-steps.js';
import { decodeBuildkitTrace, type Vertex } from './buildkit-trace.js';

const STDERR = 2;
/** `[2/4] RUN npm ci`, `[base 1/2] FROM ...`; everything else is not in the Dockerfile. */
const INSTRUCTION = /^\[(?:\S+ )*\d+\/\d+\] /;

/** Reads BuildKit's messages: changes of a graph of steps, several of which run at the same time. */
export class BuildkitOutput {
  imageId: string | undefined;
  failure: BuildFailure | undefined;
  /** Whether BuildKit has spoken at all: an engine without it answers otherwise. */
  sawTrace = false;
  private readonly failed = new Map<string, Vertex>();

  constructor(
    private readonly steps: BuildSteps,
    private readonly emit: EmitBuildEvent,
  ) {}

  read(message: BuildMessage): void {
    const { id, aux } = message;
    if (id === 'moby.buildkit.trace' && typeof aux === 'string') this.readTrace(aux);
    else if (id === 'moby.image.id' && typeof aux === 'object') this.imageId = aux.ID;
    const said = message.errorDetail?.message ?? message.error;
    if (said !== undefined) this.fail(said);
  }

  private readTrace(base64: string): void {
    this.sawTrace = true;
    const { vertexes, statuses, logs, warnings } = decodeBuildkitTrace(base64);
    for (const vertex of vertexes) if (vertex.started) this.start(vertex);
    for (const item of statuses) {
      if (item.total > 0) this.steps.progress(item.vertex, item.id, item.current, item.total);
    }
    for (const { vertex, stream, bytes } of logs) {
      this.steps.output(vertex, stream === STDERR ? 'stderr' : 'stdout', bytes);
    }
    for (const vertex of vertexes) if (vertex.completed) this.complete(vertex);
    for (const message of warnings) this.emit({ type: 'warning', message });
  }

  private start({ digest, name }: Vertex): void {
    this.steps.start(digest, name, kindOf(name));
  }

  private complete(vertex: Vertex): void {
    if (vertex.error === '') this.steps.finish(vertex.digest, vertex.cached);
    else {
      this.failed.set(vertex.digest, vertex);
      this.steps.fail(vertex.digest);
    }
  }

  private fail(message: string): void {
    const vertex = this.culprit(message);
    this.failure = {
      builder: 'buildkit',
      message,
      step: this.steps.stepOf(vertex?.digest),
      runExitCode: exitCodeIn(vertex?.error),
      output: this.steps.lastLinesOf(vertex?.digest),
    };
  }

  /** When one step fails, those beside it are cancelled and end with an error too; the build's error quotes the one that counts. */
  private culprit(message: string): Vertex | undefined {
    const failed = [...this.failed.values()];
    return failed.find((vertex) => message.includes(vertex.error)) ?? failed[0];
  }
}

const kindOf = (name: string): BuildStep['kind'] => (INSTRUCTION.test(name) ? 'instruction' : 'preparation');

/** For people only, nothing is decided by it: BuildKit tells the exit code of a RUN nowhere but at the end of its text. */
function exitCodeIn(error: string | undefined): number | undefined {
  const code = /exit code: (\d+)$/.exec(error ?? '')?.[1];
  return code === undefined ? undefined : Number(code);
}
