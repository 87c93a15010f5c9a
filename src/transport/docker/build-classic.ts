import type { EmitBuildEvent } from '../../build/build-event.js';
import type { BuildFailure } from '../../build/image-builder.js';
import type { BuildMessage } from './build-message.js';
import type { BuildSteps } from './build-steps.js';

/** `Step 3/7 : RUN npm ci`; engines before 1.13 give no total. */
const STEP = /^Step (\d+)(?:\/(\d+))? : ([\s\S]*)$/;
const USING_CACHE = ' ---> Using cache\n';
/** What the classic builder says in between the output of the steps. */
const CHATTER = [
  /^ ---> (?:Running in )?[0-9a-f]*\n$/,
  // The second form is that of newer engines (moby#46270; seen with 28).
  /^(?:Removing| ---> Removed) intermediate container [0-9a-f]+\n$/,
  /^Successfully tagged \S+\n$/,
];
const BUILT = /^Successfully built [0-9a-f]+\n$/;
const WARNING = /^\s*\[Warning\] (.*)\n?$/;
/** The classic builder paints what came from stderr red; that is the only way to tell it. */
const STDERR_BEGIN = '\u001b[91m';
const STDERR_END = '\u001b[0m';

/** Reads the classic builder's messages: text in which one step follows the other. */
export class ClassicOutput {
  imageId: string | undefined;
  failure: BuildFailure | undefined;
  /** Whether the builder has said so: an image id comes at the end of every stage. */
  built = false;
  private stepNumber = 0;
  private cached = false;
  /** The line break behind the name of a step comes by itself. */
  private nameIsOpen = false;

  constructor(
    private readonly steps: BuildSteps,
    private readonly emit: EmitBuildEvent,
  ) {}

  read(message: BuildMessage): void {
    if (typeof message.aux === 'object' && message.aux.ID !== undefined) this.imageId = message.aux.ID;
    if (message.stream !== undefined) this.readText(message.stream);
    if (message.status !== undefined) this.readStatus(message.status, message);
    const said = message.errorDetail?.message ?? message.error;
    if (said !== undefined) this.fail(said, message.errorDetail?.code);
  }

  /** The stream has ended: when the image is built, so has the last step. */
  end(): void {
    if (this.built) this.steps.finish(this.key, this.cached);
  }

  private get key(): string {
    return `step ${this.stepNumber}`;
  }

  private readText(text: string): void {
    const endsName = this.nameIsOpen && text === '\n';
    this.nameIsOpen = false;
    if (endsName) return;
    const [, number, total, instruction = ''] = STEP.exec(text) ?? [];
    // Only the next number is a new step: a RUN may print such a line itself.
    if (number !== undefined && Number(number) === this.stepNumber + 1) {
      this.nextStep(total === undefined ? `[${number}]` : `[${number}/${total}]`, instruction);
    } else if (text === USING_CACHE) this.cached = true;
    else if (BUILT.test(text)) this.built = true;
    else if (!CHATTER.some((pattern) => pattern.test(text))) this.readOutput(text);
  }

  private nextStep(position: string, instruction: string): void {
    this.steps.finish(this.key, this.cached);
    this.stepNumber++;
    this.cached = false;
    this.nameIsOpen = true;
    this.steps.start(this.key, `${position} ${instruction}`, 'instruction');
  }

  private readOutput(text: string): void {
    const warning = WARNING.exec(text)?.[1];
    if (warning !== undefined) this.emit({ type: 'warning', message: warning });
    else if (text.startsWith(STDERR_BEGIN) && text.endsWith(STDERR_END)) {
      const line = text.slice(STDERR_BEGIN.length, -STDERR_END.length);
      this.steps.output(this.key, 'stderr', Buffer.from(line));
    } else this.steps.output(this.key, 'stdout', Buffer.from(text));
  }

  /** A base image is pulled. */
  private readStatus(status: string, { id = '', progressDetail }: BuildMessage): void {
    const { current, total } = progressDetail ?? {};
    if (current === undefined || total === undefined) return;
    this.steps.progress(this.key, `${status} ${id}`.trim(), current, total);
  }

  private fail(message: string, code: number | undefined): void {
    this.failure = {
      builder: 'classic',
      message,
      step: this.steps.stepOf(this.key),
      runExitCode: code,
      output: this.steps.lastLinesOf(this.key),
    };
    this.steps.fail(this.key);
  }
}
