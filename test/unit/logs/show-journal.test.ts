import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Device } from '../../../src/discovery/device.js';
import { ExitCode } from '../../../src/errors.js';
import type { LogEvent } from '../../../src/logs/log-event.js';
import { content, type LogLine } from '../../../src/logs/log-line.js';
import { type JournalRequest, showJournal } from '../../../src/logs/show-journal.js';
import { connectionCut } from '../../../src/transport/connection-error.js';
import type { SshExit, SshProcess, SshSession } from '../../../src/transport/ssh-session.js';

interface Run {
  /** Texts of what it prints; an error is a connection that is cut there. */
  readonly prints: readonly (string | Error)[];
  readonly complaint?: string;
  readonly exit?: SshExit;
}

const ONCE: JournalRequest = {
  target: 'kitchen',
  follow: false,
  tail: undefined,
  since: undefined,
  until: undefined,
  grep: undefined,
};
const FOLLOW: JournalRequest = { ...ONCE, follow: true };
const ENDED: SshExit = { kind: 'exited', code: 0 };

const entry = (cursor: string, message: unknown, microseconds = '1769860800123456'): string =>
  `${JSON.stringify({ __CURSOR: cursor, __REALTIME_TIMESTAMP: microseconds, SYSLOG_IDENTIFIER: 'sshd', MESSAGE: message })}\n`;

/** A device whose journalctl behaves as it is told, run by run; a run that is an error is a connection that cannot be had. */
class JournalDevice {
  readonly commands: string[] = [];
  readonly lines: LogLine[] = [];
  readonly events: LogEvent['type'][] = [];
  open = 0;
  private readonly over = new AbortController();

  constructor(private readonly runs: (Run | Error)[]) {}

  get texts(): string[] {
    return this.lines.map((line) => content(line).toString());
  }

  /** When all runs are over, somebody presses Ctrl-C. */
  show(request: JournalRequest): Promise<void> {
    const { signal } = this.over;
    return showJournal(request, {
      findDevice: () => Promise.resolve({ name: 'kitchen' } as Device),
      openSsh: () => this.connect(),
      shellCommand: (argv) => argv.join(' '),
      clock: { monotonicMs: () => 0, wallMs: () => 0, sleep: () => Promise.resolve() },
      view: {
        needsTimes: false,
        begin: () => undefined,
        show: (lines) => Promise.resolve(void this.lines.push(...lines)),
        note: ({ type }) => void this.events.push(type),
      },
      signal,
    });
  }

  /** What the journal answers that is asked for one entry: that one, or any later one. */
  private isKnown(cursor: string, { prints }: Run): string[] {
    const [first = ''] = prints.filter((part) => typeof part === 'string');
    return [first.includes(`"${cursor}"`) ? entry(cursor, 'asked for') : first].filter((text) => text !== '');
  }

  private connect(): Promise<SshSession> {
    const run = this.runs.shift();
    if (run === undefined) {
      this.over.abort(new Error('enough'));
      return Promise.reject(this.over.signal.reason as Error);
    }
    if (run instanceof Error) return Promise.reject(run);
    this.open += 1;
    const session: Pick<SshSession, 'exec' | typeof Symbol.asyncDispose> = {
      exec: (command) => {
        const [, cursor] = /--lines=1 --cursor=(\w+)$/.exec(command) ?? [];
        if (cursor !== undefined) return Promise.resolve(processOf({ prints: this.isKnown(cursor, run) }));
        this.commands.push(command);
        return Promise.resolve(processOf(run));
      },
      [Symbol.asyncDispose]: () => Promise.resolve(void (this.open -= 1)),
    };
    return Promise.resolve(session as SshSession);
  }
}

function processOf({ prints, complaint = '', exit = ENDED }: Run): SshProcess {
  const failure = prints.find((part) => part instanceof Error);
  const stdout = Readable.from(
    (function* () {
      for (const part of prints) {
        if (part instanceof Error) throw part;
        yield Buffer.from(part);
      }
    })(),
  );
  return {
    stdin: new PassThrough().resume(),
    stdout,
    stderr: Readable.from([Buffer.from(complaint)]),
    exit: failure === undefined ? Promise.resolve(exit) : Promise.reject(failure),
    resize: () => undefined,
  };
}

const cut = connectionCut('ssh://kitchen');

describe('the journal of a device', () => {
  it('is shown with time and unit, whatever the message is made of', async () => {
    const all = entry('a', 'grüße') + entry('b', 'two\nlines\n') + entry('c', [228, 246]) + entry('d', null);
    const [start, end] = [Buffer.from(all).subarray(0, 100), Buffer.from(all).subarray(100)];
    const device = new JournalDevice([{ prints: [start.toString('latin1'), end.toString('latin1')] }]);
    await device.show(ONCE);
    expect(device.lines[0]).toMatchObject({
      app: 'sshd',
      stream: 'journal',
      time: '2026-01-31T12:00:00.123456000Z',
    });
    expect(device.texts.slice(1)).toEqual(['two', 'lines', '\ufffd\ufffd', '']);
    expect(device.open).toBe(0);
  });

  it('calls containers by their names, and what says nothing of itself the journal', async () => {
    const fields = { __CURSOR: 'a', __REALTIME_TIMESTAMP: '1769860800123456', MESSAGE: 'x' };
    const container = JSON.stringify({ ...fields, CONTAINER_NAME: 'web', SYSLOG_IDENTIFIER: '961556d175ce' });
    const device = new JournalDevice([{ prints: [`${container}\n${JSON.stringify(fields)}\n`] }]);
    await device.show(ONCE);
    expect(device.lines.map(({ app }) => app)).toEqual(['web', 'journal']);
  });

  it.each(['\u001bc', '12\u001b[2J0', '-1', '99999999999999999999', ''])(
    'may tell no time with %j',
    async (time) => {
      const device = new JournalDevice([{ prints: [entry('a', 'x', time)] }]);
      await device.show(ONCE);
      expect(device.lines).toMatchObject([{ time: '1970-01-01T00:00:00.000000000Z' }]);
    },
  );

  it('is asked for as it is wanted', async () => {
    const asked = async (request: Partial<JournalRequest>): Promise<string> => {
      const device = new JournalDevice([{ prints: [entry('a', 'x')] }]);
      await device.show({ ...ONCE, ...request });
      return device.commands[0] ?? '';
    };
    expect(await asked({})).toMatch(/^journalctl .*--output=json/);
    expect(await asked({ tail: 7 })).toContain('--lines=7');
    expect(await asked({ follow: true })).toMatch(/--follow.* --lines=100/);
    expect(await asked({ follow: true, tail: 'all' })).toMatch(/--follow.* --no-tail/);
    expect(await asked({ since: { kind: 'ago', ms: 600_000 } })).toContain('--since=-600s');
    expect(await asked({ since: { kind: 'ago', ms: 1e13 } })).toContain('--since=@0');
    expect(await asked({ since: { kind: 'at', time: '1900-01-01T00:00:00.000000000Z' } })).toContain(
      '--since=@0',
    );
    const until = { kind: 'at', time: '2026-01-31T12:00:00.500000000Z' } as const;
    expect(await asked({ until })).toContain('--until=@1769860801');
  });

  it('is cut to the very moment, although journalctl knows whole seconds only', async () => {
    const second = (fraction: string): string => entry(fraction, fraction, `1769860800${fraction}`);
    const device = new JournalDevice([{ prints: [second('100000') + second('500000') + second('900000')] }]);
    const at = (fraction: string) => ({ kind: 'at', time: `2026-01-31T12:00:00.${fraction}000Z` }) as const;
    await device.show({ ...ONCE, since: at('200000'), until: at('800000') });
    expect(device.texts).toEqual(['500000']);
  });

  it('that breaks off is a failure', async () => {
    const device = new JournalDevice([{ prints: [entry('a', 'one'), cut] }]);
    await expect(device.show(ONCE)).rejects.toMatchObject({ exitCode: ExitCode.unreachable });
    expect(device.texts).toEqual(['one']);
  });

  it('shows what matches', async () => {
    const device = new JournalDevice([{ prints: [entry('a', 'yes'), entry('b', 'no')] }]);
    await device.show({ ...ONCE, grep: /^y/ });
    expect(device.texts).toEqual(['yes']);
  });
});

describe('a journal that is followed', () => {
  it('goes on behind its last entry when the connection was cut, and tells of it once', async () => {
    const device = new JournalDevice([
      { prints: [entry('a', 'one') + entry('b', 'two'), '{"__CURSOR":"half', cut] },
      cut,
      cut,
      // journalctl begins with the entry that it was asked for.
      { prints: [entry('b', 'two') + entry('c', 'three'), cut] },
      { prints: [entry('c', 'three'), entry('d', 'four')] },
    ]);
    await device.show(FOLLOW);
    expect(device.texts).toEqual(['one', 'two', 'three', 'four']);
    expect(device.events).toEqual(['connection-lost', 'connection-lost']);
    expect(device.commands.slice(1)).toEqual([
      expect.stringMatching(/--no-tail --cursor=b$/),
      expect.stringMatching(/--no-tail --cursor=c$/),
    ]);
  });

  it('leaves out nothing of a journal that knows nothing of the last entry, as after a reboot', async () => {
    const device = new JournalDevice([
      { prints: [entry('a', 'before'), cut] },
      { prints: [entry('x', 'booting'), entry('y', 'up')] },
    ]);
    await device.show(FOLLOW);
    expect(device.texts).toEqual(['before', 'booting', 'up']);
    expect(device.commands[1]).toMatch(/--follow --no-tail$/);
  });

  it('waits for the journal of a device that boots, but not for ever', async () => {
    const none: Run = { prints: [], complaint: 'No journal', exit: { kind: 'exited', code: 1 } };
    const begun: (Run | Error)[] = [{ prints: [entry('a', 'one')] }, cut];
    const device = new JournalDevice([...begun, none, none, { prints: [entry('x', 'two')] }]);
    await device.show(FOLLOW);
    expect(device.texts).toEqual(['one', 'two']);
    const broken = new JournalDevice([...begun, ...Array.from({ length: 50 }, () => none)]);
    await expect(broken.show(FOLLOW)).rejects.toThrow('exit code 1: No journal');
  });

  it('with --tail 0 begins with what comes from now on, and loses none of it', async () => {
    const device = new JournalDevice([
      { prints: [entry('a', 'old'), entry('b', 'new'), cut] },
      { prints: [entry('b', 'new'), entry('c', 'newer')] },
    ]);
    await device.show({ ...FOLLOW, tail: 0 });
    expect(device.texts).toEqual(['new', 'newer']);
  });

  it('ends when the device cannot be reached at all', async () => {
    await expect(new JournalDevice([cut]).show(FOLLOW)).rejects.toMatchObject({
      exitCode: ExitCode.unreachable,
    });
  });
});

describe('a device without a journal', () => {
  it('is told by the exit code of a program that is not there', async () => {
    const device = new JournalDevice([{ prints: [], exit: { kind: 'exited', code: 127 } }]);
    await expect(device.show(FOLLOW)).rejects.toMatchObject({
      exitCode: ExitCode.failure,
      message: 'kitchen has no journalctl, so there is no journal to show.',
    });
  });

  it('or one that cannot be read has the last words of journalctl', async () => {
    const device = new JournalDevice([
      {
        prints: [],
        complaint: 'Hint: groups\nNo journal files were opened\n',
        exit: { kind: 'exited', code: 1 },
      },
    ]);
    await expect(device.show(ONCE)).rejects.toThrow('exit code 1: No journal files were opened');
  });
});
