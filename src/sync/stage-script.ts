import { gzipSync } from 'node:zlib';
import { PART_BYTES } from './blocks.js';
import { SETTLE, STATE } from './container-script.js';
import { REFUSE_OTHERS } from './making-way.js';
import { REST_OF_PATH } from './path-line.js';

/** Exit codes of the stage besides those of the programs in it. */
export const STALE_STATUS = 64;
export const OTHER_BASE_STATUS = 65;
/** A folder, or what somebody else keeps in one, is in the place of a file or a link. Nothing was put in place. */
export const FOLDER_STATUS = 67;
/** The folder of the stage is not there, and cannot be made. */
export const NO_FOLDER_STATUS = 68;
/** A stage that came compressed. Nothing was done. */
export const NO_GZIP_STATUS = 69;
/** What a folder keeps is gone when the container is restarted: the app has mounted a file system there. Nothing was put in place. */
export const MOUNTED_STATUS = 70;
/** Something is not let go from its place. A part of what is new may be in place. */
export const IN_PLACE_STATUS = 71;
/** Of the loop, in a container that lacks a program. */
export const UNFIT_STATUS = 66;

/** Said in the place of a status when a stage has unpacked its archive. */
export const ARRIVED = 'arrived';

/** `rdt`, by gzip, as `printf` writes it. */
const PACKED_WORD = Array.from(gzipSync('rdt'), (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');

/** What one program is given at the most. */
const MOST_WORDS = 200;

/** Of the paths that it is given, leaves those that are not behind a link: what the app keeps elsewhere is not ours. */
const OURS = `
  for path do
    shift
    folder=$path
    while folder=\${folder%/*}; [ "$folder" != . ]; do
      if [ -L "$folder" ]; then continue 2; fi
    done
    set -- "$@" "$path"
  done
`;

/** A folder that the app has put in the place of a file is not ours, and may stay. */
const REMOVE = `${OURS}
  if [ $# -gt 0 ] && ! rm -f -- "$@"; then
    for path do if [ ! -d "$path" ] && [ -e "$path" ] || [ -L "$path" ]; then exit 1; fi; done
  fi
`;

/** One that has gone made way in an attempt before this one, and what is there instead is replaced. */
const RMDIR = `${OURS}
  for path do
    shift
    if [ -d "$path" ] && [ ! -L "$path" ]; then set -- "$@" "$path"; fi
  done
  if [ $# -gt 0 ]; then rmdir -- "$@"; fi
`;

/**
 * `stage <folder> <token> <mode> <expected> <id>` carries out the commit archive that comes on its standard input, below the folder.
 * `token` is the state that it leaves, '' where another commit carries the state. A folder that holds files which are not ours stays,
 * unless the mode is `strict`: then that is a failure before anything is changed (making-way.ts), the state included. With `expected` nothing
 * is done unless that is the state now, or the token, which an attempt before this one has left.
 *
 * Each of the files that the archive moves is the old one or the new one at any moment, and never missing. What it needs waits in
 * `.rdt-stage/<id>`. Whoever syncs next takes `.rdt-stage` away first, and so stops a stage that goes on although its laptop has gone:
 * whatever that one still wanted to move is not there any more, nor, where its archive was still arriving, the first file of it. One that
 * puts things in place already is waited for; whoever plans anew has done that before (\`LIST_SCRIPT\`), and is sent back when one began since then.
 *
 * All that the archive itself has is in there, too. Nothing is put in place when the app has taken a folder of ours away, or put a file in its
 * place, or a link, which leads to what is not ours: the files that the folder had are not there any more. Whoever syncs is sent back to ask what is
 * there. Who could not ask sends all files, and what is in the place of a folder is replaced: a busybox tar would leave it there without a word.
 *
 * Nor is it when a folder that should be on the container's own file system is on another one.
 *
 * A file is patched in a copy. An app that wrote into it since our last sync has left another size, or another time; a `stat` without
 * fractions of a second tells only what another second has left.
 */
const STAGE = `${SETTLE}${STATE}${REST_OF_PATH}${REFUSE_OTHERS}
stage() (
  set -e
  [ -d "$1" ] || mkdir -p "$1" || exit ${NO_FOLDER_STATUS}
  cd "$1"
  state .
  if [ -n "$4" ] && [ -n "$state" ] && [ "$state" != "$4" ] && [ "$state" != "$2" ]; then exit ${STALE_STATUS}; fi
  if [ -d .rdt-stage ]; then
    settle .
    # At once, whatever is in it.
    rm -rf .rdt-gone
    mv .rdt-stage .rdt-gone 2>/dev/null || [ ! -e .rdt-stage ]
    rm -rf .rdt-gone
    if [ -n "$settled" ]; then exit ${STALE_STATUS}; fi
  elif [ -e .rdt-stage ] || [ -L .rdt-stage ]; then rm -f .rdt-stage
  fi
  tar -xf -
  staged=.rdt-stage/$5
  if [ ! -f "$staged/remove" ] || [ ! -f "$staged/moves" ]; then echo "the archive was cut short" >&2; exit 1; fi
  owner "$$" >"$staged/owner" 2>/dev/null
  # Two that began in the same moment: neither knows what the other does.
  for other in .rdt-stage/*; do if [ "$other" != "$staged" ]; then exit ${STALE_STATUS}; fi; done
  arrived "$5"
  if [ -s "$staged/remove" ] || [ -s "$staged/rmdir" ]; then
    # A folder that stays is no failure below; a program that is missing is one, and nothing has moved yet.
    for tool in rmdir xargs; do command -v "$tool" >/dev/null || exit 127; done
  fi
  for list in parents folders; do
    if [ ! -s "$staged/$list" ]; then continue; fi
    while IFS= read -r path; do
      rest_of_path
      if [ ! -L "$path" ]; then
        if [ -d "$path" ] || { [ "$list" = folders ] && [ ! -e "$path" ]; }; then continue; fi
      fi
      rm -rf "$staged"
      rmdir .rdt-stage 2>/dev/null || true
      exit ${STALE_STATUS}
    done <"$staged/$list"
  done
  if [ -s "$staged/on-root" ]; then refuse_mounted <"$staged/on-root"; fi
  while IFS= read -r move; do refuse_folder "\${move#* }"; done <"$staged/moves"
  if [ -f "$staged/targets" ]; then
    while IFS= read -r path; do
      rest_of_path
      refuse_folder "$path"
    done <"$staged/targets"
  fi
  if [ "$3" = strict ]; then
    if [ -f "$staged/making-way" ]; then refuse_others "$staged" || exit ${FOLDER_STATUS}; fi
    ln -sfn "$2" .rdt-state
  fi
  if [ -s "$staged/patches" ]; then
    while IFS=' ' read -r number mode size mtime nanoseconds length runs && IFS= read -r path; do patch; done <"$staged/patches"
  fi
  if [ -s "$staged/replacing" ]; then
    while IFS= read -r path; do
      rest_of_path
      if [ -L "$path" ] || [ ! -d "$path" ]; then rm -f -- "$path"; fi
    done <"$staged/replacing"
  fi
  if [ -f "$staged/places" ]; then tar -xf "$staged/places"; fi
  if [ -f "$staged/groups" ]; then
    while IFS= read -r path; do
      rest_of_path
      move_group "$staged/\${path%% *}" "\${path#* }"
    done <"$staged/groups"
  fi
  while IFS= read -r move; do
    path=\${move#* }
    # Not every mv has -T: through a link to a folder it would move into that folder.
    if [ -d "$path" ]; then rm -f -- "$path"; fi
    mv -f -- "$staged/\${move%% *}" "$path" 2>/dev/null || move_one "$staged/\${move%% *}" "$path"
  done <"$staged/moves"
  if [ -s "$staged/remove" ]; then xargs -0 -n ${MOST_WORDS} sh -c '${REMOVE}' sh <"$staged/remove"; fi
  if [ -s "$staged/rmdir" ]; then
    if [ "$3" = strict ]; then xargs -0 -n ${MOST_WORDS} sh -c '${RMDIR}' sh <"$staged/rmdir"
    else xargs -0 -n ${MOST_WORDS} sh -c '${RMDIR}' sh <"$staged/rmdir" 2>/dev/null || true
    fi
  fi
  [ -d "$staged" ]
  rm -rf .rdt-stage
  if [ -n "$2" ]; then ln -sfn "$2" .rdt-state; fi
)

refuse_folder() {
  if [ -d "$1" ] && [ ! -L "$1" ]; then echo "$1 is a folder" >&2; exit ${FOLDER_STATUS}; fi
}

# What is behind a link is not ours, and not looked at.
refuse_mounted() {
  link=//
  set -- .
  while IFS= read -r path; do
    rest_of_path
    case $path in "$link"/*) continue ;; esac
    if [ -L "$path" ]; then link=$path; continue; fi
    if [ ! -d "$path" ]; then continue; fi
    set -- "$@" "$path"
    if [ $# -gt ${MOST_WORDS} ]; then
      one_device "$@"
      set -- .
    fi
  done
  if [ $# -gt 1 ]; then one_device "$@"; fi
}

one_device() {
  here=
  for device in $(stat -c %d -- "$@" 2>/dev/null); do
    here=\${here:-$device}
    if [ "$device" != "$here" ]; then echo "$1 is on a file system that the app has mounted" >&2; exit ${MOUNTED_STATUS}; fi
    shift
  done
}

# A pattern without a match stays what it is.
move_group() {
  from=$1
  into=$2
  for names in '*' '.[!.]*' '..?*'; do
    set -- "$from"/$names
    if [ ! -e "$1" ] && [ ! -L "$1" ]; then continue; fi
    if mv -f -- "$@" "$into/" 2>/dev/null; then continue; fi
    for path do move_one "$path" "$into/\${path##*/}"; done
  done
}

# What may have been moved already. busybox's mv does not replace a link that leads to itself, or through a file.
move_one() {
  if [ ! -e "$1" ] && [ ! -L "$1" ]; then return; fi
  # What was in its place has changed since it was looked at: into a folder it would be moved.
  refuse_folder "$2"
  if [ -L "$2" ] && { [ -d "$2" ] || [ ! -e "$2" ]; }; then rm -f -- "$2"; fi
  why=$(mv -f -- "$1" "$2" 2>&1) || { echo "$2 cannot be replaced: \${why##*: }" >&2; exit ${IN_PLACE_STATUS}; }
}

patch() {
  for tool in chmod cp dd stat touch; do
    command -v "$tool" >/dev/null || exit ${OTHER_BASE_STATUS}
  done
  if [ ! -f "$path" ] || [ -L "$path" ]; then exit ${OTHER_BASE_STATUS}; fi
  base=$(stat -c '%s %Y %i %y' -- "$path")
  case $base in
    "$size $mtime "*".$nanoseconds"*) ;;
    "$size $mtime "*.*) exit ${OTHER_BASE_STATUS} ;;
    "$size $mtime "*) ;;
    *) exit ${OTHER_BASE_STATUS} ;;
  esac
  file=$staged/$number
  cp -- "$path" "$file"
  [ "$(stat -c '%s %Y %i %y' -- "$path")" = "$base" ] || exit ${OTHER_BASE_STATUS}
  taken=0
  for run in $runs; do
    from=\${run%:*}
    count=\${run#*:}
    dd if="\${file}n" of="$file" bs=${PART_BYTES} skip="$taken" seek="$from" count="$count" conv=notrunc 2>/dev/null
    taken=$((taken + count))
  done
  if [ "$length" != "$size" ]; then dd if=/dev/null of="$file" bs=1 seek="$length" count=0 2>/dev/null; fi
  chmod "$mode" "$file"
  touch -r "\${file}n" "$file"
}

# Of a word that is packed.
unpacks() {
  command -v gzip >/dev/null && [ "$(printf '${PACKED_WORD}' | gzip -dc 2>/dev/null)" = rdt ]
}

clean() {
  if [ "$3" != 0 ] && [ "$3" != ${STALE_STATUS} ]; then
    rm -rf "$1/.rdt-stage/$2"
    rmdir "$1/.rdt-stage"
  fi 2>/dev/null
}
`;

/** One stage: the arguments of `stage`, and then `gzip` when its archive comes so. */
export const STAGE_SCRIPT = `${STAGE}
arrived() { :; }
if [ "$6" != gzip ]; then stage "$@"
elif unpacks; then gzip -dc | stage "$@"
else
  echo "rdt:${NO_GZIP_STATUS}"
  exit
fi
status=$?
clean "$1" "$5" $status
echo "rdt:$status"
`;

/**
 * Stage after stage until its input ends; its arguments are the folders that they can name. A line
 * `<id> <folder's number> <token> <mode> <expected> <bytes> <plain|gzip>`, with `-` for '', comes before each archive; after it
 * `rdt:<id>:<status>` is written, and `rdt:<id>:arrived` in between. A shell reads a line byte by byte and so leaves the archive to dd, which takes it whole
 * before it gives any of it away: whatever happens to a stage, the next line is found.
 */
export const STAGE_LOOP_SCRIPT = `${STAGE}
exec 2>&1
arrived() { echo "rdt:$1:${ARRIVED}"; }
for tool in dd ln mkdir mv readlink rm rmdir tar xargs; do
  command -v "$tool" >/dev/null || exit ${UNFIT_STATUS}
done
[ "$(printf 'a\\nb' | dd bs=3 count=1 iflag=fullblock 2>/dev/null)" = "$(printf 'a\\nb')" ] || exit ${UNFIT_STATUS}
if unpacks; then echo rdt:ready gzip; else echo rdt:ready plain; fi
while read -r id number token mode expected bytes packing; do
  eval "folder=\\\${$number}"
  if [ "$token" = - ]; then token=; fi
  if [ "$expected" = - ]; then expected=; fi
  if [ "$packing" = gzip ]; then
    dd bs="$bytes" count=1 iflag=fullblock 2>/dev/null | gzip -dc | stage "$folder" "$token" "$mode" "$expected" "$id"
  else
    dd bs="$bytes" count=1 iflag=fullblock 2>/dev/null | stage "$folder" "$token" "$mode" "$expected" "$id"
  fi
  status=$?
  clean "$folder" "$id" $status
  echo "rdt:$id:$status"
done
`;
