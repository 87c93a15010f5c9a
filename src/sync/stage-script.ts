/** Exit codes of the stage besides those of the programs in it. */
export const STALE_STATUS = 64;

/**
 * `stage <folder> <token> <mode> <expected>` carries out the commit archive that comes on its standard input, below the folder.
 * `token` is the state that it leaves, '' where another commit carries the state. A folder that holds files which are not ours stays,
 * unless the mode is `strict`: then that is a failure. With `expected` nothing is done unless that is the state now.
 * Each of the files that the archive moves is the old one or the new one at any moment, and never missing.
 */
const STAGE = `
stage() (
  set -e
  [ -d "$1" ] || mkdir -p "$1"
  cd "$1"
  if [ -n "$4" ] && [ "$(readlink .rdt-state)" != "$4" ]; then exit ${STALE_STATUS}; fi
  if [ -e .rdt-stage ] || [ -L .rdt-stage ]; then rm -rf .rdt-stage; fi
  tar -xf -
  if [ ! -f .rdt-stage/moves ]; then echo "the archive was cut short" >&2; exit 1; fi
  while IFS= read -r move; do
    path=\${move#* }
    if [ -d "$path" ] && [ ! -L "$path" ]; then echo "$path is a folder" >&2; exit 1; fi
    mv -f -- ".rdt-stage/\${move%% *}" "$path"
  done <.rdt-stage/moves
  if [ -s .rdt-stage/remove ]; then xargs -0 rm -f -- <.rdt-stage/remove; fi
  if [ -s .rdt-stage/rmdir ]; then
    if [ "$3" = strict ]; then xargs -0 rmdir -- <.rdt-stage/rmdir
    else xargs -0 -n 1 rmdir -- <.rdt-stage/rmdir 2>/dev/null || true
    fi
  fi
  rm -rf .rdt-stage
  if [ -n "$2" ]; then ln -sfn "$2" .rdt-state; fi
)
clean() {
  if [ "$2" != 0 ] && [ "$2" != ${STALE_STATUS} ]; then rm -rf "$1/.rdt-stage"; fi
}
`;

/** One stage: its arguments are those of `stage`. */
export const STAGE_SCRIPT = `${STAGE}
stage "$@"
status=$?
clean "$1" $status
echo "rdt:$status"
`;

/**
 * Stage after stage until its input ends; its arguments are the folders that they can name. A line
 * `<id> <folder's number> <token> <mode> <expected> <bytes> <plain|gzip>`, with `-` for '', comes before each archive; after it
 * `rdt:<id>:<status>` is written. A shell reads a line byte by byte and so leaves the archive to dd, which takes it whole
 * before it gives any of it away: whatever happens to a stage, the next line is found.
 */
export const STAGE_LOOP_SCRIPT = `${STAGE}
exec 2>&1
for tool in dd ln mkdir mv readlink rm rmdir tar xargs; do
  command -v "$tool" >/dev/null || exit 127
done
[ "$(printf 'a\\nb' | dd bs=3 count=1 iflag=fullblock 2>/dev/null)" = "$(printf 'a\\nb')" ] || exit 127
echo rdt:ready
while read -r id number token mode expected bytes packing; do
  eval "folder=\\\${$number}"
  if [ "$token" = - ]; then token=; fi
  if [ "$expected" = - ]; then expected=; fi
  if [ "$packing" = gzip ]; then
    dd bs="$bytes" count=1 iflag=fullblock 2>/dev/null | gzip -dc | stage "$folder" "$token" "$mode" "$expected"
  else
    dd bs="$bytes" count=1 iflag=fullblock 2>/dev/null | stage "$folder" "$token" "$mode" "$expected"
  fi
  status=$?
  clean "$folder" $status
  echo "rdt:$id:$status"
done
`;
