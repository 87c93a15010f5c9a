import { text } from 'node:stream/consumers';
import type { Device } from '../discovery/device.js';
import { ExitCode, RdtError } from '../errors.js';
import type { Clock } from '../runtime.js';
import type { SshProcess, SshSession } from '../transport/ssh-session.js';
import { journalEntries } from './journal-entries.js';
import { type LogLine, plainText } from './log-line.js';
import type { LogTime } from './log-time.js';
import type { LogView } from './log-view.js';
import type { LogsRequest } from './show-logs.js';

const RETRY_MS = 1_000;
const FOLLOWED_TAIL = 100;
/** What a shell answers that does not find the program. */
const NOT_FOUND = 127;

export type JournalRequest = Omit<LogsRequest, 'apps'>;

export interface ShowJournalDeps {
  readonly findDevice: (target: string | undefined) => Promise<Device>;
  /** Rejects as `openSsh` does. */
  readonly openSsh: (device: Device) => Promise<SshSession>;
  /** One command line for a POSIX shell. */
  readonly shellCommand: (argv: readonly string[]) => string;
  readonly clock: Clock;
  readonly view: LogView;
  readonly signal: AbortSignal;
}

/** `rdt logs --host`: the journal of the device; followed until the signal is aborted, which is no failure. */
export async function showJournal(request: JournalRequest, deps: ShowJournalDeps): Promise<void> {
  const device = await deps.findDevice(request.target);
  deps.view.begin(device.name, []);
  const journal = new Journal(request, device, deps);
  try {
    do await journal.read();
    while (request.follow);
  } catch (error) {
    if (!(request.follow && deps.signal.aborted)) throw error;
  }
}

class Journal {
  private cursor: string | undefined;
  private isLost = false;

  constructor(
    private readonly request: JournalRequest,
    private readonly device: Device,
    private readonly deps: ShowJournalDeps,
  ) {}

  /** Until journalctl ends; after a lost connection it goes on behind the last entry, whose cursor outlives a reboot. */
  async read(): Promise<void> {
    const { clock, signal, view } = this.deps;
    try {
      await using session = await this.deps.openSsh(this.device);
      await this.readFrom(session);
      if (this.request.follow) await clock.sleep(RETRY_MS, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (this.cursor === undefined || !isUnreachable(error)) throw error;
      if (!this.isLost) view.note({ type: 'connection-lost', reason: error.message });
      this.isLost = true;
      await clock.sleep(RETRY_MS, signal);
    }
  }

  private async readFrom(session: SshSession): Promise<void> {
    const { signal, shellCommand } = this.deps;
    const process = await session.exec(shellCommand(journalArgv(this.request, this.cursor)), {}, signal);
    process.exit.catch(() => undefined);
    process.stdin.end();
    const complaint = text(process.stderr).catch(() => '');
    await this.show(process);
    const exit = await process.exit;
    if (exit.kind === 'exited' && exit.code !== 0) throw this.failure(exit.code, await complaint);
  }

  private async show({ stdout }: SshProcess): Promise<void> {
    const { view } = this.deps;
    // One entry is asked for with `--tail 0`, so that its place in the journal is known.
    let isBacklog = this.request.tail === 0 && this.cursor === undefined;
    for await (const entries of journalEntries(stdout)) {
      this.isLost = false;
      this.cursor = entries.at(-1)?.cursor ?? this.cursor;
      const shown = entries.slice(isBacklog ? 1 : 0).flatMap(({ lines }) => lines);
      isBacklog &&= entries.length === 0;
      await view.show(shown.filter((line) => this.isWanted(line)));
    }
  }

  private isWanted(line: LogLine): boolean {
    const { since, until, grep } = this.request;
    // journalctl is asked in whole seconds.
    if (since?.kind === 'at' && line.time < since.time) return false;
    if (until?.kind === 'at' && line.time > until.time) return false;
    return grep === undefined || grep.test(plainText(line));
  }

  private failure(code: number, complaint: string): RdtError {
    const { name } = this.device;
    if (code === NOT_FOUND) {
      return new RdtError(`${name} has no journalctl, so there is no journal to show.`, {
        hint: 'Its system may keep logs in files: rdt ssh --host -- ls /var/log',
      });
    }
    const words = complaint.trim().split('\n').at(-1) ?? '';
    return new RdtError(
      `journalctl on ${name} ended with exit code ${code}${words === '' ? '' : `: ${words}`}`,
    );
  }
}

function journalArgv({ follow, tail, since, until }: JournalRequest, cursor: string | undefined): string[] {
  const argv = ['journalctl', '--no-pager', '--quiet', '--all', '--output=json'];
  if (follow) argv.push('--follow');
  if (until !== undefined) argv.push(`--until=${systemdTime(until, Math.ceil)}`);
  if (cursor !== undefined) return [...argv, '--no-tail', `--after-cursor=${cursor}`];
  if (since !== undefined) argv.push(`--since=${systemdTime(since, Math.floor)}`);
  const lines = tail ?? (follow && since === undefined ? FOLLOWED_TAIL : 'all');
  if (lines !== 'all') argv.push(`--lines=${Math.max(lines, 1)}`);
  else if (follow) argv.push('--no-tail');
  return argv;
}

/** See systemd.time(7); on the device's own clock. */
function systemdTime(time: LogTime, whole: (seconds: number) => number): string {
  if (time.kind === 'ago') return `-${Math.round(time.ms / 1_000)}s`;
  return `@${whole(Date.parse(time.time) / 1_000)}`;
}

const isUnreachable = (error: unknown): error is RdtError =>
  error instanceof RdtError && error.exitCode === ExitCode.unreachable;
