import type { IgnoreRules } from '../sync/ignore-rules.js';

/**
 * What editors put beside a file while it is open or being saved: swap files and backups of vim (`.foo.swp`, `foo~`), locks and
 * unsaved text of Emacs (`.#foo`, `#foo#`), the two halves of an atomic save of JetBrains, GNOME and KDE, locks of LibreOffice.
 */
const EDITOR_FILE =
  /^(?:\.(?:.*\.)?sw[a-px]|\.#.*|#.*#|.*~|.*___jb_(?:tmp|old)___|\.goutputstream-.*|\..*\.kate-swp|\.~lock\..*#)$/s;

export const isEditorFile = (name: string): boolean => EDITOR_FILE.test(name);

/** Leaves editors' files out as well: an app need not restart for them. For watching only; a push of its own sends what is there. */
export function withoutEditorFiles(rules: IgnoreRules): IgnoreRules {
  const without: IgnoreRules = {
    isIgnored: (path, isDirectory) =>
      (!isDirectory && isEditorFile(path.slice(path.lastIndexOf('/') + 1))) ||
      rules.isIgnored(path, isDirectory),
    enter: (directory, hasGitignore) => {
      const inside = rules.enter(directory, hasGitignore);
      return inside === rules ? without : withoutEditorFiles(inside);
    },
  };
  return without;
}
