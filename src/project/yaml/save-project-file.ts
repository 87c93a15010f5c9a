import { RdtError } from '../../errors.js';
import { applyChanges, type ProjectChanges } from '../project-changes.js';
import { sameValue } from '../same-value.js';
import { isMap, kindOf, type YamlValue } from '../yaml-value.js';
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

/** It may have been usage that is wrong, but that is not what the exit code of a push is to say that has succeeded. */
const unsaved = ({ message, hint, cause }: RdtError): RdtError =>
  new RdtError(message, {
    hint: ['The push itself succeeded, and could not be noted.', hint].filter(Boolean).join(' '),
    cause,
  });

async function trySave(project: ProjectFile, changes: ProjectChanges): Promise<SaveResult | 'overtaken'> {
  const text = readProjectText(project.path);
  const before = text === undefined ? null : await parseOrRefuse(project.path, text);
  const after = changed(project, before, changes);
  if (text !== undefined && before !== null && sameValue(before, after)) return 'unchanged';
  // Loaded here, because most pushes change nothing and 34 ms is a lot for that.
  const { editYaml } = await import('./edit-yaml.js');
  const edited = editYaml(text ?? '', before, after);
  if (edited === undefined) throw cannotBeChanged(project.path);
  const { replaceFile } = await import('./replace-file.js');
  try {
    if (!(await replaceFile(project.path, text, edited))) return 'overtaken';
  } catch (cause) {
    throw new RdtError(`${project.path} cannot be written`, { cause });
  }
  return text === undefined ? 'created' : 'changed';
}

function changed({ path, section }: ProjectFile, before: YamlValue, changes: ProjectChanges): YamlValue {
  if (before !== null && !isMap(before)) {
    throw new RdtError(`${path} has become ${kindOf(before)}, so the push is not saved in it`);
  }
  return applyChanges(before, section, changes);
}

const cannotBeChanged = (path: string): RdtError =>
  new RdtError(`${path} is laid out in a way that cannot be changed without harm`, {
    hint: 'Write the file in plain block style, without anchors on what a push saves.',
  });
