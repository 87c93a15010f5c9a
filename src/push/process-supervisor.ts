import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { ExitCode, RdtError } from '../errors.js';
import type { ContainerSpec, Engine, ImageDetails } from '../transport/engine.js';
import { EngineError } from '../transport/engine-error.js';
import { signalNumber } from './signal-number.js';

/** Processors that the package has a supervisor for (supervisor/README.md). */
export type Processor = 'amd64' | '386' | 'arm' | 'arm64';

/** The program for a processor: a static executable of a few kB. */
export type ReadSupervisor = (processor: Processor) => Promise<Buffer>;

/** On the container; its value tells the supervisor's version and the grace that it was started with, in milliseconds: `1/500`. */
export const SUPERVISOR_LABEL = 'io.resin.rdt.supervisor';
/** Counts up when a new supervisor has to be put into containers that have an older one. */
const VERSION = 1;
/** Everything that we put into a container besides the app; in its root. */
const FOLDER = '.rdt';
const PROGRAM = 'init';

/** What to run in a supervised container: each byte that it reads makes the supervisor restart the app, and is written back. */
export const RESTART_COMMAND: readonly string[] = [`/${FOLDER}/${PROGRAM}`, 'restart'];

export const supervisorLabel = (graceMs: number): Readonly<Record<string, string>> => ({
  [SUPERVISOR_LABEL]: `${VERSION}/${graceMs}`,
});

/**
 * The program for the device's kernel: it is static, so it runs below whatever the image holds, and images built elsewhere often name a
 * wrong processor.
 * @throws RdtError when there is no supervisor for the device.
 */
export async function supervisorFor(
  engine: Engine,
  read: ReadSupervisor,
  signal: AbortSignal,
): Promise<Buffer> {
  const { architecture } = await engine.info(signal);
  const processor = processorOf(architecture);
  if (processor === undefined) {
    throw new RdtError(`restart: process is not possible on this device: its processor is ${architecture}`, {
      hint: 'rdt has a supervisor for x86_64, i386, ARM and AArch64. Use --restart container, none or signal:<name>.',
    });
  }
  return read(processor);
}

/** By the name that `uname -m` has for it, or the one that Go has. */
export function processorOf(machine: string): Processor | undefined {
  if (/^(x86_64|amd64)$/.test(machine)) return 'amd64';
  if (/^(i[3-6]86|386)$/.test(machine)) return '386';
  if (/^(aarch64|arm64)$/.test(machine)) return 'arm64';
  return /^arm(v[5-8].*)?$/.test(machine) ? 'arm' : undefined;
}

/**
 * The container with the supervisor in front of what the image, or the project's `command`, runs.
 * @throws RdtError when neither names a program.
 */
export function supervised(
  spec: ContainerSpec,
  image: ImageDetails,
  graceMs: number,
): ContainerSpec & { readonly Entrypoint: readonly string[]; readonly Cmd: readonly string[] } {
  const Cmd = spec.Cmd ?? image.command;
  if (image.entrypoint.length + Cmd.length === 0) {
    throw new RdtError('the image does not say what to run', {
      exitCode: ExitCode.appFailed,
      hint: 'Give it an ENTRYPOINT or a CMD, or set command in the project file.',
    });
  }
  const init = [`/${FOLDER}/${PROGRAM}`, String(signalNumber(image.stopSignal)), String(graceMs), '--'];
  // An entrypoint of ours makes the engine forget the image's command: both are given.
  return { ...spec, Entrypoint: [...init, ...image.entrypoint], Cmd };
}

/** Puts the supervisor into a container that has not been started yet. @throws RdtError (exit code 6). */
export async function installSupervisor(
  engine: Engine,
  containerId: string,
  program: Buffer,
  signal: AbortSignal,
): Promise<void> {
  const tar = pack();
  const root = { uid: 0, gid: 0, mode: 0o755 };
  tar.entry({ ...root, name: FOLDER, type: 'directory' });
  tar.entry({ ...root, name: `${FOLDER}/${PROGRAM}` }, program);
  tar.finalize();
  try {
    await engine.putArchive(containerId, '/', await buffer(tar), signal);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new RdtError(
      `the supervisor for restart: process could not be put into the container: ${error.message}`,
      {
        hint: error.hint ?? 'Use --restart container, none or signal:<name>.',
        exitCode: ExitCode.appFailed,
        cause: error,
      },
    );
  }
}
