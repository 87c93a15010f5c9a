import { ExitCode, RdtError } from '../errors.js';
import type { BootFiles } from './boot-files.js';
import { type ConfigureDialog, currentAnswers, givenAnswers } from './configure-dialog.js';
import { diffOf, type FileDiff } from './configure-diff.js';
import { applyPlan, planConfiguration } from './configure-plan.js';
import { isEmptySettings } from './configure-settings.js';
import { type Configuration, readConfiguration } from './configure-show.js';
import { type GivenSettings, mergeGiven } from './given-settings.js';
import { resolveSettings, type SettingSources } from './resolve-settings.js';

export type ConfigureTarget =
  /** An image file or a drive. */
  | { readonly kind: 'medium'; readonly path: string }
  /** A running device; undefined to find the only one. */
  | { readonly kind: 'device'; readonly name: string | undefined; readonly identity: readonly string[] };

export interface ConfigureRequest {
  readonly target: ConfigureTarget;
  readonly action: 'show' | 'plan' | 'apply';
  readonly given: GivenSettings;
  /** A file with settings, as typed. What is given wins over it. */
  readonly from: string | undefined;
}

export type ConfigureResult = {
  /** `partition 1 (resin-boot) of card.img`. */
  readonly target: string;
} & (
  | { readonly kind: 'shown'; readonly configuration: Configuration }
  | { readonly kind: 'planned' | 'applied'; readonly diffs: readonly FileDiff[] }
);

/** An opened boot partition; what has been replaced is on the medium when it is disposed of. */
export interface OpenTarget extends AsyncDisposable {
  readonly description: string;
  readonly files: BootFiles;
}

export interface ConfigurePorts {
  /** Throws an `RdtError` when there is no boot partition, or it must not be written. */
  openTarget(target: ConfigureTarget, access: 'read' | 'write', signal: AbortSignal): Promise<OpenTarget>;
  /** Throws an `RdtError` (usage) with line and column for what is wrong in the file. */
  readSettingsFile(path: string): Promise<GivenSettings>;
  readonly sources: SettingSources;
  /** Undefined where nobody can be asked. */
  readonly dialog: ConfigureDialog | undefined;
}

/** `runConfigure`, wired to a machine. */
export type ConfigureRun = (request: ConfigureRequest, signal: AbortSignal) => Promise<ConfigureResult>;

/**
 * Shows, plans or changes what is set on a boot partition. Without any setting it asks. Everything is validated before the first
 * write, and nothing is written when all is so already.
 */
export async function runConfigure(
  request: ConfigureRequest,
  ports: ConfigurePorts,
  signal: AbortSignal,
): Promise<ConfigureResult> {
  const { target, action } = request;
  if (action === 'show') {
    if (Object.keys(request.given).length > 0 || request.from !== undefined) throw givenToShow();
    return show(target, ports, signal);
  }
  const fromFile = request.from === undefined ? {} : await ports.readSettingsFile(request.from);
  const given = mergeGiven(fromFile, request.given);
  const settings = await resolveSettings(given, ports.sources);
  const asks = isEmptySettings(settings) && request.from === undefined;
  if (asks && ports.dialog === undefined) throw nothingGiven();
  await using open = await ports.openTarget(target, action === 'plan' ? 'read' : 'write', signal);
  const wanted = asks ? await ask(open.files, ports, signal) : settings;
  const changes = await planConfiguration(open.files, wanted);
  if (action === 'apply') await applyPlan(open.files, changes, signal);
  return {
    kind: action === 'apply' ? 'applied' : 'planned',
    target: open.description,
    diffs: changes.map(diffOf),
  };
}

async function show(
  target: ConfigureTarget,
  ports: ConfigurePorts,
  signal: AbortSignal,
): Promise<ConfigureResult> {
  await using open = await ports.openTarget(target, 'read', signal);
  return { kind: 'shown', target: open.description, configuration: await readConfiguration(open.files) };
}

async function ask(files: BootFiles, { dialog, sources }: ConfigurePorts, signal: AbortSignal) {
  if (dialog === undefined) throw nothingGiven();
  const current = await currentAnswers(files);
  const answers = await dialog.ask(current, signal);
  return resolveSettings(givenAnswers(answers, current), sources);
}

const givenToShow = (): RdtError =>
  new RdtError('--show prints what is set, and takes no setting', {
    hint: 'Leave --show out to make the change, or take --dry-run to see what it would change.',
    exitCode: ExitCode.usage,
  });

const nothingGiven = (): RdtError =>
  new RdtError('nothing to configure, and no terminal to ask on', {
    hint: 'Say what to set, such as --hostname kitchen; rdt configure --help lists everything.',
    exitCode: ExitCode.usage,
  });
