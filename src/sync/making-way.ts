import { pathLine } from './path-line.js';
import type { Deletion } from './sync-plan.js';
import { parentOf } from './tree.js';

/**
 * What `refuse_others` has to know: `target <path>` for what is to be put in place, and for each folder that goes `folder <path>` or
 * `file <path>` for what goes from it, and then `end <path>` for itself.
 */
export function makingWayLines(deletions: readonly Deletion[], targets: readonly string[]): string[] {
  const goingFrom = new Map<string, string[]>();
  for (const { path, kind } of deletions) if (kind === 'directory') goingFrom.set(path, []);
  for (const { path, kind } of deletions) {
    const what = kind === 'directory' ? 'folder' : 'file';
    goingFrom.get(parentOf(path))?.push(`${what} ${pathLine(path)}`);
  }
  const folders = Array.from(goingFrom, ([path, lines]) => [...lines, `end ${pathLine(path)}`]);
  return [...targets.map((path) => `target ${pathLine(path)}`), ...folders.flat()];
}

/**
 * `refuse_others <stage>` fails, with a word about it, when a folder that goes holds what does not go, or a folder is in the place of a target: half
 * of the folder would be gone before anybody sees that the rest cannot go. What is behind a link is not ours, and not looked at.
 */
export const REFUSE_OTHERS = `
refuse_others() {
  ours=0
  while IFS= read -r path; do
    going
    case $what in
      target)
        if [ "$kind" = folder ] && in_place "$path"; then echo "$path is a folder" >&2; return 1; fi
        ;;
      end)
        if [ "$kind" = folder ] && in_place "$path"; then
          folder=$path
          found=0
          for entry in "$folder"/* "$folder"/.[!.]* "$folder"/..?*; do
            if [ -e "$entry" ] || [ -L "$entry" ]; then found=$((found + 1)); fi
          done
          # Of what goes from it not all need be there, and nothing else may be.
          if [ $found -gt $ours ]; then name_other "$1" || return 1; fi
        fi
        ours=0
        ;;
      "$kind") ours=$((ours + 1)) ;;
    esac
  done <"$1/making-way"
}

going() {
  rest_of_path
  what=\${path%% *}
  path=\${path#* }
  if [ -d "$path" ] && [ ! -L "$path" ]; then kind=folder
  elif [ -e "$path" ] || [ -L "$path" ]; then kind=file
  else kind=none
  fi
}

in_place() {
  above=$1
  while above=\${above%/*}; [ "$above" != . ]; do
    if [ -L "$above" ]; then return 1; fi
  done
}

# A file for each name that goes from the folder: a shell has nothing else that finds one among ten thousand at once.
name_other() {
  mkdir "$1/ours"
  while IFS= read -r path; do
    going
    if [ "\${path%/*}" = "$folder" ] && [ "$what" = "$kind" ]; then : >"$1/ours/\${path##*/}"; fi
  done <"$1/making-way"
  for entry in "$folder"/* "$folder"/.[!.]* "$folder"/..?*; do
    if [ -e "$entry" ] || [ -L "$entry" ]; then
      if [ ! -e "$1/ours/\${entry##*/}" ]; then echo "$entry is in the way" >&2; return 1; fi
    fi
  done
  rm -r "$1/ours"
}
`;
