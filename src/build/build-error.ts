import { ExitCode, RdtError } from '../errors.js';
import { fullDiskHint } from '../full-disk.js';
import { type Dockerfile, fullReference, type Instruction, onOneLine } from './dockerfile.js';
import type { BuildFailure } from './image-builder.js';
import { locateFailure, missingBaseImage } from './locate-failure.js';

const SHOWN_CHARACTERS = 100;

/** The Dockerfile did not build. Exit code 5. */
export class BuildError extends RdtError {
  override readonly name = 'BuildError';

  private constructor(
    message: string,
    hint: string,
    readonly failure: BuildFailure,
    /** Where in the Dockerfile; undefined when it can not be told. */
    readonly instruction: Instruction | undefined,
  ) {
    super(message, { hint, exitCode: ExitCode.buildFailed });
  }

  /** @param name of the Dockerfile, as the user knows it */
  static of(failure: BuildFailure, dockerfile: Dockerfile, name: string): BuildError {
    const instruction = locateFailure(dockerfile, failure);
    const place = instruction === undefined ? name : `${name}:${instruction.line}`;
    const what = instruction?.text ?? failure.step?.name.replace(/^\[[^\]]*\] /, '');
    const image = failure.step === undefined ? undefined : missingBaseImage(instruction, dockerfile);
    const { message, hint } = describe(failure, shortened(what), image);
    return new BuildError(`${place}: ${message}`, hint, failure, instruction);
  }
}

interface Description {
  readonly message: string;
  readonly hint: string;
}

function describe(failure: BuildFailure, what: string | undefined, image: string | undefined): Description {
  const said = `The device says: ${withoutControls(onOneLine(failure.message))}`;
  if (image !== undefined) {
    return {
      message: `the base image ${image} is not on the device, and the device could not pull it`,
      hint: `${said}\nCheck its name, and that the device reaches the registry; for a private image, run ${loginCommand(image)} here first.`,
    };
  }
  if (failure.runExitCode !== undefined && what !== undefined) {
    return {
      message: `${what} failed with exit code ${failure.runExitCode}`,
      hint: failure.output.length > 0 ? 'Its output is above.' : 'It printed nothing.',
    };
  }
  const full = fullDiskHint(failure.message);
  return {
    message: what === undefined ? 'the build failed' : `${what} failed`,
    hint: full === undefined ? said : `${said}\n${full}`,
  };
}

function loginCommand(image: string): string {
  const [registry = ''] = fullReference(image).split('/');
  return registry === 'docker.io' ? 'docker login' : `docker login ${registry}`;
}

function shortened(text: string | undefined): string | undefined {
  if (text === undefined || text.length <= SHOWN_CHARACTERS) return text;
  return `${text.slice(0, SHOWN_CHARACTERS - 1)}…`;
}

/** The engine quotes what a program or a registry said. */
const withoutControls = (text: string): string => text.replace(/\p{Cc}/gu, ' ');
