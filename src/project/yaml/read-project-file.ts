import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ExitCode, RdtError } from '../../errors.js';
import { checkProject, type CheckedProject, type SavedTrigger, type SectionName } from '../check-project.js';
import { describeProblem, type LocatedProblem } from '../problem.js';
import { readRegularFile } from '../../regular-file.js';
import { PROJECT_FILE_NAMES } from '../project-file-names.js';
import type { GivenSettings } from '../settings.js';
import type { YamlValue } from '../yaml-value.js';
import { errorCode, isGone } from '../../system-error.js';

export interface ProjectFile {
  /** Where it is, or where a save will create it. */
  readonly path: string;
  readonly exists: boolean;
  readonly section: SectionName;
  readonly settings: GivenSettings;
  /** As in the file, in its order; undefined when the file has none. */
  readonly triggers: readonly SavedTrigger[] | undefined;
  /** Unknown keys and the like: for the user to see, no reason to stop. */
  readonly warnings: readonly LocatedProblem[];
}

/** Far above any real one; keeps a wrongly named file from being parsed. */
const LARGEST_BYTES = 1024 * 1024;

/**
 * Reads the project file of a source folder; without one, the result says nothing and names `.resin-sync.yml`.
 * @throws RdtError (usage) when there is no such folder; `<file>:<line>:<column>: ...` when something in the file is wrong,
 *   further lines in the hint.
 */
export async function readProjectFile(source: string): Promise<ProjectFile> {
  const [preferred, older] = PROJECT_FILE_NAMES.map((name) => join(source, name)) as [string, string];
  const [text, olderText] = [readProjectText(preferred), readProjectText(older)];
  if (text !== undefined) {
    const shadowed = olderText === undefined ? [] : [shadowedBy(preferred, older)];
    return interpret(preferred, text, 'local_resinos', shadowed);
  }
  if (olderText !== undefined) return interpret(older, olderText, 'local_balenaos', []);
  await refuseUnlessFolder(source);
  return {
    path: preferred,
    exists: false,
    section: 'local_resinos',
    settings: {},
    triggers: undefined,
    warnings: [],
  };
}

/**
 * The text of a project file, undefined when there is none. A byte order mark stays in it.
 * @throws RdtError (usage) when it cannot be read or is not text.
 */
export function readProjectText(path: string): string | undefined {
  let bytes: Buffer;
  try {
    bytes = readRegularFile(path);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw new RdtError(`${path}: cannot be read (${String(errorCode(error))})`, {
      hint: 'Make it a file that you can read.',
      exitCode: ExitCode.usage,
      cause: error,
    });
  }
  if (bytes.length > LARGEST_BYTES) {
    throw new RdtError(`${path}: is larger than 1 MiB, so it is no project file`, {
      exitCode: ExitCode.usage,
    });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new RdtError(`${path}: is not UTF-8 text`, {
      hint: 'Save it as UTF-8.',
      exitCode: ExitCode.usage,
      cause,
    });
  }
}

async function refuseUnlessFolder(source: string): Promise<void> {
  const exitCode = ExitCode.usage;
  const status = await stat(source).catch((cause: unknown) => {
    throw new RdtError(`There is no folder ${source}.`, { exitCode, cause });
  });
  if (!status.isDirectory()) throw new RdtError(`${source} is no folder.`, { exitCode });
}

const shadowedBy = (preferred: string, older: string): LocatedProblem => ({
  severity: 'warning',
  file: older,
  line: 1,
  column: 1,
  message: `is ignored, because ${preferred} is there too`,
});

async function interpret(
  path: string,
  text: string,
  preferred: SectionName,
  known: readonly LocatedProblem[],
): Promise<ProjectFile> {
  const checked = checkProject(await parseOrRefuse(path, text), preferred);
  const problems = [...known, ...(await located(path, text, checked))];
  const errors = problems.filter((problem) => problem.severity === 'error');
  if (errors.length > 0) throw refusal(errors);
  const { section, settings, triggers } = checked;
  return { path, exists: true, section, settings, triggers, warnings: problems };
}

/** @throws RdtError (usage) with the place of what is not YAML. */
export async function parseOrRefuse(path: string, text: string): Promise<YamlValue> {
  const { parseYaml } = await import('./parse-yaml.js');
  const parsed = parseYaml(text);
  if (parsed.ok) return parsed.data;
  const { line, column, reason, cause } = parsed;
  const message = describeProblem({ severity: 'error', file: path, line, column, message: reason });
  throw new RdtError(message, { exitCode: ExitCode.usage, cause });
}

/** The parser that knows positions is loaded only when there is something to point at. */
async function located(path: string, text: string, { problems }: CheckedProject): Promise<LocatedProblem[]> {
  if (problems.length === 0) return [];
  const { locateProblems } = await import('./locate-problems.js');
  return locateProblems(path, text, problems);
}

function refusal(errors: readonly LocatedProblem[]): RdtError {
  const [first = '', ...more] = errors.map(describeProblem);
  return new RdtError(first, { exitCode: ExitCode.usage, ...(more.length > 0 && { hint: more.join('\n') }) });
}
