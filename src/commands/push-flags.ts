import { InvalidArgumentError } from 'commander';
import { ExitCode, RdtError } from '../errors.js';
import { parseAppName } from '../project/app-name.js';
import { type EnvironmentVariable, parseEnvironmentEntry } from '../project/environment.js';
import type { Parsed } from '../project/parsed.js';
import { parseEach } from '../project/parsed.js';
import { parseDestination, parseIgnorePattern, parseTriggerPath } from '../project/paths.js';
import { type AfterSync, parseAfterSync } from '../project/restart.js';
import type { GivenSettings } from '../project/settings.js';

/** What commander makes of the options of `rdt push`. */
export interface PushFlags {
  readonly source: string;
  readonly destination?: string;
  readonly ignore?: readonly string[];
  readonly skipGitignore?: true;
  readonly before?: string;
  readonly after?: string;
  readonly progress?: boolean;
  readonly verbose?: boolean;
  readonly skipLogs?: true;
  readonly appName?: string;
  readonly buildTriggers?: readonly string[];
  readonly forceBuild?: true;
  readonly env?: readonly EnvironmentVariable[];
  readonly restart?: AfterSync;
  readonly identity?: readonly string[];
  readonly force?: true;
  readonly verify?: true;
  readonly compress: boolean;
  readonly dryRun?: true;
  readonly json?: true;
  readonly timing?: true;
  readonly watch?: true;
  readonly poll?: true;
}

/** @throws RdtError (usage) for flags that contradict each other. */
export function watchOf({ watch, poll, dryRun }: PushFlags): { poll: boolean } | undefined {
  if (poll && !watch) throw new RdtError('--poll is for --watch', { exitCode: ExitCode.usage });
  if (watch && dryRun) {
    throw new RdtError('--watch and --dry-run exclude each other', { exitCode: ExitCode.usage });
  }
  return watch ? { poll: poll ?? false } : undefined;
}

/** The flags that are settings: those that the project file knows as well. */
export const settingsOf = (flags: PushFlags): GivenSettings => ({
  destination: flags.destination,
  before: flags.before,
  after: flags.after,
  ignore: flags.ignore,
  skipGitignore: flags.skipGitignore,
  progress: flags.progress,
  verbose: flags.verbose,
  skipLogs: flags.skipLogs,
  appName: flags.appName,
  buildTriggers: flags.buildTriggers,
  environment: flags.env,
  afterSync: flags.restart,
});

export const destination = (text: string): string => accept(parseDestination(text));
export const appName = (text: string): string => accept(parseAppName(text));
export const ignorePatterns = (text: string): readonly string[] =>
  accept(parseEach(listOf(text), parseIgnorePattern));
export const triggerPaths = (text: string): readonly string[] =>
  accept(parseEach(listOf(text), parseTriggerPath));
export const afterSync = (text: string): AfterSync => accept(parseAfterSync(text));

/** `--env A=1 --env B=2`: the last value of a name counts. */
export function environment(
  text: string,
  earlier: readonly EnvironmentVariable[] = [],
): readonly EnvironmentVariable[] {
  const variable = accept(parseEnvironmentEntry(text));
  return [...earlier.filter(({ name }) => name !== variable.name), variable];
}

const listOf = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

function accept<T>(parsed: Parsed<T>): T {
  if (!parsed.ok) throw new InvalidArgumentError(`It ${parsed.reason}.`);
  return parsed.value;
}
