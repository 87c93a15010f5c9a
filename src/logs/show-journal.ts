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

const JOURNALCTL: readonly string[] = ['journalctl', '--no-pager', '--quiet', '--all', '--output=json'];
/** journalctl refuses what is before 1970, also when it is said as so long ago. */
const SINCE_EVER = '@0';
const EVER_SECONDS = 50 * 365 * 86_400;
const RETRY_MS = 1_000;
const FOLLOWED_TAIL = 100;
/** What a shell answers that does not find the program. */
const NOT_FOUND = 127;
/** A device that boots may let us in before its journal is there: so many tries, a second apart. */
const MOST_FAILURES = 30;

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
  private hasBegun = false;
  private failures = 0;

  constructor(
    private readonly request: JournalRequest,
    private readonly device: Device,
    private readonly deps: ShowJournalDeps,
  ) {}

  /** Until journalctl ends; after a lost connection it goes on behind the last entry. */
  async read(): Promise<void> {
    const { clock, signal, view } = this.deps;
    try {
      await using session = await this.deps.openSsh(this.device);
      await this.readFrom(session);
      if (this.request.follow) await clock.sleep(RETRY_MS, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!this.hasBegun || !this.request.follow || !isUnreachable(error)) throw error;
      if (!this.isLost) view.note({ type: 'connection-lost', reason: error.message });
      this.isLost = true;
      await clock.sleep(RETRY_MS, signal);
    }
  }

  private async readFrom(session: SshSession): Promise<void> {
    const argv =
      this.cursor === undefined ? firstArgv(this.request) : await this.nextArgv(session, this.cursor);
    if (argv === undefined) return;
    const process = await this.start(argv, session);
    const complaint = text(process.stderr).catch(() => '');
    await this.show(process);
    const exit = await process.exit;
    if (exit.kind === 'killed' || exit.code === 0 || this.isPassing(exit.code)) return;
    throw this.failure(exit.code, await complaint);
  }

  /**
   * Undefined while the device has no journal yet: journalctl would not notice when there is one. When the journal does not have the last entry any
   * more, all of it is new: one in memory begins anew with the device, whose clock may even be behind then, and of others the oldest entries go
   * first. journalctl itself would look for the same time.
   */
  private async nextArgv(session: SshSession, cursor: string): Promise<string[] | undefined> {
    const first = await this.firstCursor(session, cursor);
    if (first === undefined && this.mayFailAgain()) return undefined;
    return [...JOURNALCTL, '--follow', '--no-tail', ...(first === cursor ? [from(cursor)] : [])];
  }

  /** Of this entry, or of one that journalctl takes instead. */
  private async firstCursor(session: SshSession, cursor: string): Promise<string | undefined> {
    const process = await this.start([...JOURNALCTL, '--lines=1', from(cursor)], session);
    process.stderr.resume();
    for await (const [first] of journalEntries(process.stdout)) if (first !== undefined) return first.cursor;
    return undefined;
  }

  private async start(argv: readonly string[], session: SshSession): Promise<SshProcess> {
    const process = await session.exec(this.deps.shellCommand(argv), {}, this.deps.signal);
    process.exit.catch(() => undefined);
    process.stdin.end();
    return process;
  }

  private async show({ stdout }: SshProcess): Promise<void> {
    const { view } = this.deps;
    const { cursor: known } = this;
    // One entry is asked for with `--tail 0`, so that its place in the journal is known.
    let isBacklog = this.request.tail === 0 && known === undefined;
    for await (const entries of journalEntries(stdout)) {
      this.isLost = false;
      this.hasBegun = true;
      this.failures = 0;
      this.cursor = entries.at(-1)?.cursor ?? this.cursor;
      const shown = entries.slice(isBacklog ? 1 : 0).filter(({ cursor }) => cursor !== known);
      isBacklog &&= entries.length === 0;
      await view.show(shown.flatMap(({ lines }) => lines).filter((line) => this.isWanted(line)));
    }
  }

  private isWanted(line: LogLine): boolean {
    const { since, until, grep } = this.request;
    // journalctl is asked in whole seconds.
    if (since?.kind === 'at' && line.time < since.time) return false;
    if (until?.kind === 'at' && line.time > until.time) return false;
    return grep === undefined || grep.test(plainText(line));
  }

  private isPassing(code: number): boolean {
    return this.hasBegun && this.request.follow && code !== NOT_FOUND && this.mayFailAgain();
  }

  private mayFailAgain(): boolean {
    this.failures += 1;
    return this.failures <= MOST_FAILURES;
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

const from = (cursor: string): string => `--cursor=${cursor}`;

function firstArgv({ follow, tail, since, until }: JournalRequest): string[] {
  const argv: string[] = [...JOURNALCTL];
  if (follow) argv.push('--follow');
  if (until !== undefined) argv.push(`--until=${systemdTime(until, Math.ceil)}`);
  if (since !== undefined) argv.push(`--since=${systemdTime(since, Math.floor)}`);
  const lines = tail ?? (follow && since === undefined ? FOLLOWED_TAIL : 'all');
  if (lines !== 'all') argv.push(`--lines=${Math.max(lines, 1)}`);
  else if (follow) argv.push('--no-tail');
  return argv;
}

/** See systemd.time(7); on the device's own clock. */
function systemdTime(time: LogTime, whole: (seconds: number) => number): string {
  if (time.kind === 'at') return `@${Math.max(0, whole(Date.parse(time.time) / 1_000))}`;
  const seconds = Math.round(time.ms / 1_000);
  return seconds < EVER_SECONDS ? `-${seconds}s` : SINCE_EVER;
}

const isUnreachable = (error: unknown): error is RdtError =>
  error instanceof RdtError && error.exitCode === ExitCode.unreachable;
