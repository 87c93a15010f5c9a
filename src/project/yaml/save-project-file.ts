import { RdtError } from '../../errors.js';
import { applyChanges, type ProjectChanges } from '../project-changes.js';
import { sameValue } from '../same-value.js';
import { isMap, kindOf, type YamlValue } from '../yaml-value.js';
import { errorCode } from '../../system-error.js';
import { parseOrRefuse, type ProjectFile, readProjectText } from './read-project-file.js';

export type SaveResult = 'unchanged' | 'changed' | 'created';

/** How often an editor may get in between before we give up. */
const ATTEMPTS = 3;

/**
 * Writes what a push leaves behind into the project file, by setting those keys and no others in what the file contains now, which may
 * be more than it did when `project` was read. Nothing is written when nothing changes.
 * @throws RdtError when the file is not a map of keys any more, is laid out too oddly to be changed, or cannot be written.
 */
export async function saveProjectFile(project: ProjectFile, changes: ProjectChanges): Promise<SaveResult> {
  try {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const result = await trySave(project, changes);
      if (result !== 'overtaken') return result;
    }
    throw new RdtError(`${project.path} keeps changing while it is saved`);
  } catch (error) {
    throw error instanceof RdtError ? unsaved(error) : error;
  }
}

/**
 * Tells before a push whether `saveProjectFile` could do its work after it; nothing is written.
 * @throws RdtError when something is to be saved, and the file is no map of keys, is laid out too oddly, or cannot be written.
 */
export async function assertSavable(project: ProjectFile, changes: ProjectChanges): Promise<void> {
  if ((await editOf(project, changes)) === undefined) return;
  const { assertReplaceable } = await import('./replace-file.js');
  try {
    await assertReplaceable(project.path);
  } catch (cause) {
    throw cannotBeWritten(project.path, cause);
  }
}

/** It may have been usage that is wrong, but that is not what the exit code of a push is to say that has succeeded. */
const unsaved = ({ message, hint, cause }: RdtError): RdtError =>
  new RdtError(message, {
    hint: ['The push itself succeeded, and could not be noted.', hint].filter(Boolean).join(' '),
    cause,
  });

async function trySave(project: ProjectFile, changes: ProjectChanges): Promise<SaveResult | 'overtaken'> {
  const edit = await editOf(project, changes);
  if (edit === undefined) return 'unchanged';
  const { replaceFile } = await import('./replace-file.js');
  try {
    if (!(await replaceFile(project.path, edit.before, edit.after))) return 'overtaken';
  } catch (cause) {
    throw cannotBeWritten(project.path, cause);
  }
  return edit.before === undefined ? 'created' : 'changed';
}

/** The text of the file, undefined when there is none yet, and what it is to become. */
interface Edit {
  readonly before: string | undefined;
  readonly after: string;
}

/** Undefined when nothing changes. */
async function editOf(project: ProjectFile, changes: ProjectChanges): Promise<Edit | undefined> {
  const text = readProjectText(project.path);
  const before = text === undefined ? null : await parseOrRefuse(project.path, text);
  const after = changed(project, before, changes);
  if (text !== undefined && before !== null && sameValue(before, after)) return undefined;
  // Loaded here, because most pushes change nothing and 34 ms is a lot for that.
  const { editYaml } = await import('./edit-yaml.js');
  const edited = editYaml(text ?? '', before, after);
  if (edited === undefined) throw cannotBeChanged(project.path);
  return { before: text, after: edited };
}

function changed({ path, section }: ProjectFile, before: YamlValue, changes: ProjectChanges): YamlValue {
  if (before !== null && !isMap(before)) {
    throw new RdtError(`${path} has become ${kindOf(before)}, so the push is not saved in it`);
  }
  return applyChanges(before, section, changes);
}

const cannotBeWritten = (path: string, cause: unknown): RdtError =>
  new RdtError(`${path} cannot be written (${errorCode(cause) ?? 'unwritable'})`, {
    hint: 'rdt notes there what it has pushed: it has to be a file, or a link to one, in a folder that you can write in.',
    cause,
  });

const cannotBeChanged = (path: string): RdtError =>
  new RdtError(`${path} is laid out in a way that cannot be changed without harm`, {
    hint: 'Write the file in plain block style, without anchors on what a push saves.',
  });
