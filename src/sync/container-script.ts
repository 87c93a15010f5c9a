import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { RdtError } from '../errors.js';
import type { Engine } from '../transport/engine.js';
import { isNotRunning } from '../transport/engine-error.js';

/** A script's last line: without it the output is not whole, whatever the engine says (SYNC.md, section 8, rule 9). */
const END_MARK = /(?:^|\n)rdt:(\d+)\n?$/;

/** How often a stage that is at work is asked for, ten times a second where the container's `sleep` can do that. */
const MOST_LOOKS = 300;

/**
 * `settle <folder>` waits for a stage (stage-script.ts) that is putting things in place there, because its laptop has gone: what is found,
 * or done, before its end may not last. It tells by `settled=late` that there was one. `owner <pid>` is what a stage says of itself: its
 * number and when it began (field 22 of `/proc/<pid>/stat`), for a container that was killed leaves it behind, and its number may be another program's by now.
 */
export const SETTLE = `
owner() {
  if read -r stat <"/proc/$1/stat"; then
    set -- $stat
    echo "$1 \${22}"
  fi
}
settle() {
  looks=${MOST_LOOKS}
  settled=
  for busy in "$1"/.rdt-stage/*/owner; do
    while [ $looks -gt 0 ] && [ -f "$busy" ] && read -r pid began <"$busy" && [ "$(owner "$pid")" = "$pid $began" ]; do
      settled=late
      looks=$((looks - 1))
      sleep 0.1 || sleep 1
    done 2>/dev/null
  done
}
`;

/**
 * `state <folder>` gives the state of a folder (commit-stage.ts) in one word: `none` for a folder that has none, `other` for what is none of
 * ours. Empty where the container has no program that tells.
 */
export const STATE = `
state() {
  state=
  if command -v readlink >/dev/null; then state=$(readlink "$1/.rdt-state" 2>/dev/null || echo none); fi
  case $state in *[!0-9a-z.]*) state=other ;; esac
}
`;

/** In all the folders that it is given. */
const SETTLE_ALL = `${SETTLE}
for folder do settle "$folder"; done
`;

const SETTLE_SCRIPT = `${SETTLE_ALL}
echo "rdt:0"
`;

/** Without one of its programs a list would be empty, or shorter than what is there. Not every `stat` can be told what to print. */
const REFUSE_UNFIT = `
unfit=
for tool in printf readlink sha256sum xargs; do command -v "$tool" >/dev/null || unfit=$tool; done
case $(stat -c "s %f %Y %y %n" -- / 2>/dev/null) in "s "*) ;; *) unfit=stat ;; esac
if [ -n "$unfit" ]; then
  echo "rdt:127"
  exit
fi
`;

/**
 * A program for the words that come NUL-separated to a script, 200 at a time, in the folder `$1`, when the stages in all of the script's
 * folders have come to their end; one that is not there holds nothing. Its first line is the state that `$1` had before.
 */
const listing = (program: string): string => `${SETTLE_ALL}
${REFUSE_UNFIT}
${STATE}
state "$1"
echo "state $state"
(
  cd "$1" 2>/dev/null || exit 0
  xargs -0 -n 200 sh -c '${program}    exit 0
  ' sh
)
echo "rdt:$?"
`;

/**
 * Reads NUL-separated paths below \`$1\` and prints, for those that exist, \`s <mode in hex> <mtime> <mtime as date and time> <path>\` and for regular files
 * \`<sha256>  <path>\`. \`stat\` does not follow links; \`sha256sum\` is only given what is a file itself. For a link it prints three lines:
 * \`l <path>\`, the target, and a dot, without which the target is not known to have ended.
 */
export const LIST_SCRIPT = listing(`
    stat -c "s %f %Y %y %n" -- "$@" 2>/dev/null
    for path do
      shift
      if [ -L "$path" ]; then printf "l %s\\n%s\\n" "$path" "$(readlink "$path"; echo .)"
      elif [ -f "$path" ]; then set -- "$@" "$path"; fi
    done
    if [ $# -gt 0 ]; then sha256sum -- "$@"; fi
`);

/**
 * The same for names that stat or sha256sum would print escaped, or in two lines: each path comes with a number, a slash before it,
 * and `./<number>` is printed in its place.
 */
export const LIST_ODD_SCRIPT = listing(`
    for item do
      number=\${item%%/*}
      path=\${item#*/}
      stat=$(stat -c "%f %Y %y" -- "$path" 2>/dev/null) || continue
      echo "s $stat ./$number"
      if [ -L "$path" ]; then printf "l ./%s\\n%s\\n" "$number" "$(readlink "$path"; echo .)"
      elif [ -f "$path" ] && sum=$(sha256sum <"$path"); then echo "\${sum%% *}  ./$number"; fi
    done
`);

/** Waits for what an earlier script of ours still does in these folders. One that cannot be waited for, in a container that has ended or has no shell, does nothing. */
export async function untilSettled(
  engine: Engine,
  container: string,
  folders: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  try {
    await runScript(engine, container, SETTLE_SCRIPT, folders, Readable.from([]), signal);
  } catch (error) {
    if (!isNotRunning(error)) throw error;
  }
}

/**
 * The app may take its own working directory away; a shell in there would not start. Nor does an engine start a program that a relative
 * entry of PATH leads to, and in `/` one such as `./bin` leads to `sh`.
 */
export const AS_ROOT = { user: '0:0', workingDir: '/proc' } as const;

export type ScriptResult =
  | { readonly kind: 'done'; readonly output: string }
  /** The container has no shell, or the shell lacks a program that the script needs. */
  | { readonly kind: 'no-shell' }
  | { readonly kind: 'failed'; readonly status: number; readonly errors: string };

/** Runs one of the scripts above as root in a running container, with `input` as its standard input. */
export async function runScript(
  engine: Engine,
  container: string,
  script: string,
  args: readonly string[],
  input: Readable,
  signal: AbortSignal,
): Promise<ScriptResult> {
  const argv = ['sh', '-c', script, 'sh', ...args];
  const session = await engine.exec(container, { argv, ...AS_ROOT }, signal);
  const [output, errors, sent] = await Promise.all([
    text(session.stdout),
    text(session.stderr),
    pipeline(input, session.stdin, { signal }).then(
      () => undefined,
      // A script that fails early closes its input; its own words explain more than our broken pipe.
      (error: unknown) => ({ error }),
    ),
  ]);
  const exitCode = await session.exitCode;
  signal.throwIfAborted();
  const mark = END_MARK.exec(output);
  if (mark?.[1] === '0' && sent !== undefined) throw sent.error;
  if (mark?.[1] === '0') return { kind: 'done', output: output.slice(0, mark.index + 1) };
  if (mark?.[1] === '127' || exitCode === 126 || exitCode === 127) return { kind: 'no-shell' };
  if (mark === null && sent !== undefined && sent.error instanceof RdtError) throw sent.error;
  return {
    kind: 'failed',
    status: mark?.[1] === undefined ? exitCode : Number(mark[1]),
    errors: errors.trim(),
  };
}
