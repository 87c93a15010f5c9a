import { buffer, text } from 'node:stream/consumers';
import { ExitCode, RdtError } from '../../errors.js';
import { shellCommand } from '../../transport/ssh/shell-command.js';
import type { SshExit, SshSession } from '../../transport/ssh-session.js';
import type { BootEntry, BootFiles } from '../boot-files.js';

const MISSING = 44;
const INCOMPLETE = 45;

/** Paths come as `$1`, never as a part of these texts. They run in whatever shell a device has: busybox since 2016. */
const READ = `[ -f "$1" ] || exit ${MISSING}; exec cat "$1"`;
const LIST = `cd "$1" 2>/dev/null || exit ${MISSING}
for name in * .[!.]*; do
  if [ -f "$name" ]; then printf 'file %s %s\\n' "$(wc -c <"$name")" "$name"
  elif [ -d "$name" ]; then printf 'directory 0 %s\\n' "$name"
  fi
done`;
/** Only this file system, where `sync` can do that: all else that the device has to write takes seconds, or minutes. */
const SYNC = 'sync -f "$folder" 2>/dev/null || sync';
/** The copy keeps mode and owner. A connection that ends early looks like the end of the file, hence the count in `$2`. */
const REPLACE = `set -e
folder=\${1%/*}
[ -d "$folder" ] || mkdir -p "$folder"
new="$folder/.rdt-$$"
trap 'rm -f "$new"' EXIT
if [ -f "$1" ]; then cp -p "$1" "$new"; fi
cat >"$new"
[ "$(wc -c <"$new")" -eq "$2" ] || exit ${INCOMPLETE}
${SYNC}
mv -f "$new" "$1"
${SYNC}`;
const REMOVE = `folder=\${1%/*}; rm -f "$1" && { ${SYNC}; }`;

/** The boot partition of a running device, as it is mounted there. Changes by a synced copy that is renamed over the old file. */
export class RemoteBootFiles implements BootFiles {
  readonly #session: SshSession;
  readonly #folder: string;
  readonly #signal: AbortSignal;

  constructor(session: SshSession, folder: string, signal: AbortSignal) {
    this.#session = session;
    this.#folder = folder;
    this.#signal = signal;
  }

  async read(path: string): Promise<Buffer | undefined> {
    const result = await this.#run(READ, [this.#at(path)]);
    if (result.code === MISSING) return undefined;
    this.#expectSuccess(result, `read ${path}`);
    return result.stdout;
  }

  async list(path: string): Promise<readonly BootEntry[] | undefined> {
    const result = await this.#run(LIST, [this.#at(path)]);
    if (result.code === MISSING) return undefined;
    this.#expectSuccess(result, `list ${path}`);
    return result.stdout.toString().split('\n').flatMap(parseEntry);
  }

  async replace(path: string, content: Buffer): Promise<void> {
    if ((await this.read(path))?.equals(content) === true) return;
    const result = await this.#run(REPLACE, [this.#at(path), `${content.length}`], content);
    this.#expectSuccess(result, `write ${path}`);
  }

  async remove(path: string): Promise<void> {
    this.#expectSuccess(await this.#run(REMOVE, [this.#at(path)]), `remove ${path}`);
  }

  #at(path: string): string {
    return `${this.#folder}/${path.replace(/^\/+/, '')}`.replace(/\/$/, '');
  }

  async #run(script: string, args: readonly string[], input?: Buffer): Promise<Result> {
    const command = shellCommand(['sh', '-c', script, 'rdt', ...args]);
    const process = await this.#session.exec(command, {}, this.#signal);
    process.stdin.on('error', () => undefined); // The exit says why nobody reads.
    process.stdin.end(input ?? '');
    const [stdout, stderr, exit] = await Promise.all([
      buffer(process.stdout),
      text(process.stderr),
      process.exit,
    ]);
    return { code: codeOf(exit), stdout, stderr };
  }

  #expectSuccess({ code, stderr }: Result, action: string): void {
    if (code === 0) return;
    const reason = code === INCOMPLETE ? 'it did not arrive completely' : stderr.trim().split('\n').at(-1);
    throw new RdtError(
      `${this.#session.description} could not ${action} in ${this.#folder}: ${reason ?? ''}`,
      {
        exitCode: code === INCOMPLETE ? ExitCode.unreachable : ExitCode.failure,
      },
    );
  }
}

interface Result {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

const codeOf = (exit: SshExit): number => (exit.kind === 'exited' ? exit.code : -1);

function parseEntry(line: string): BootEntry[] {
  const [, kind, size, name] = /^(file|directory)\s+(\d+) (.+)$/.exec(line) ?? [];
  if (name === undefined || (kind !== 'file' && kind !== 'directory')) return [];
  return [{ kind, name, sizeBytes: Number(size) }];
}
