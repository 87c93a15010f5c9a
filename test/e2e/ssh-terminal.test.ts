import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../testbed/eventually.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { PseudoTerminal } from './pseudo-terminal.js';
import { BIN, Rdt } from './rdt.js';

/** tmux leaves out spaces at the end. */
const PROMPT = /[#$]$/m;
const LOOP = ['sh', '-c', 'trap exit TERM; while :; do sleep 0.2; done'];

let development: VirtualDevice;
let production: VirtualDevice;
let rdt: Rdt;
let terminal: PseudoTerminal;
let before: string;

/** A terminal with its settings as they were. */
interface Screen {
  readonly terminal: PseudoTerminal;
  readonly before: string;
}

const screens: PseudoTerminal[] = [];

async function openScreen(): Promise<Screen> {
  const opened = new PseudoTerminal({ HOME: rdt.home, XDG_STATE_HOME: '', SSH_AUTH_SOCK: '' });
  screens.push(opened);
  return { terminal: opened, before: await opened.settings('before') };
}

beforeAll(async () => {
  const base = { announce: false, images: ['busybox', 'scratch-app'] } as const;
  [development, production] = await Promise.all([
    VirtualDevice.up({ ...base, name: 'ssh-term-dev' }),
    VirtualDevice.up({ ...base, name: 'ssh-term-prod', production: true }),
  ]);
  for (const device of [development, production]) await startApp(device);
  rdt = new Rdt();
});
afterAll(async () => {
  rdt[Symbol.dispose]();
  await development.down();
  await production.down();
});
beforeEach(async () => {
  ({ terminal, before } = await openScreen());
});
afterEach(() => {
  for (const screen of screens.splice(0)) screen[Symbol.dispose]();
});

async function startApp(device: VirtualDevice): Promise<void> {
  await device.docker('rm', '--force', 'web');
  const { exitCode, stderr } = await device.docker('run', '--detach', '--name', 'web', 'busybox', ...LOOP);
  expect(exitCode, stderr).toBe(0);
}

const ssh = (device: VirtualDevice, ...args: string[]): string => {
  const identity = device === production ? ['--identity', device.testerKeyFile] : [];
  return [process.execPath, BIN, 'ssh', device.address, ...identity, ...args].join(' ');
};

const expectSameTerminal = async (own = terminal, settings = before): Promise<void> => {
  expect(await own.settings('after')).toBe(settings);
  expect(own.isFullScreen).toBe(false);
  expect(own.isCursorShown).toBe(true);
};

/** The process of rdt that the local shell has started. */
const rdtPid = (): number => {
  const children = execFileSync('ps', ['--ppid', String(terminal.shellPid), '-o', 'pid=,args='], {
    encoding: 'utf8',
  });
  const line = children.split('\n').find((child) => child.includes('rdt.js'));
  return Number(/^\s*(\d+)/.exec(line ?? '')?.[1]);
};

const places = [
  ['a container over TCP', () => ssh(development, '-c', 'web')],
  ['a container over ssh', () => ssh(production, '-c', 'web')],
  ['the device itself', () => ssh(production, '--host')],
] as const;

describe.each(places)('a shell in %s', (_, command) => {
  it('gets what is typed, and ends with its exit code and the terminal as it was', async () => {
    terminal.start(command());
    await terminal.shows(PROMPT);
    terminal.enter('echo "sum $((40 + 2))"; tty; exit 42');
    await terminal.ended(42);
    expect(terminal.screen()).toMatch(/^sum 42$/m);
    expect(terminal.screen()).toMatch(/^\/dev\/pts\/\d+$/m);
    await expectSameTerminal();
  });

  it('has the size of the terminal, also after a change, and its type', async () => {
    terminal.start(command());
    await terminal.shows(PROMPT);
    terminal.enter('stty size; echo "type $TERM"');
    await terminal.shows(/^30 100\s+type (screen|tmux)/m);
    terminal.resize(132, 40);
    // The size travels on its own, after the keys may have arrived.
    await eventually(
      () => {
        terminal.enter('clear; stty size');
        return Promise.resolve(terminal.screen().includes('40 132'));
      },
      { what: 'the new size', withinMs: 10_000, everyMs: 300 },
    );
    terminal.enter('exit');
    await terminal.ended(0);
    await expectSameTerminal();
  });

  it('hears Ctrl-C, Ctrl-Z and Ctrl-D itself', async () => {
    terminal.start(command());
    await terminal.shows(PROMPT);
    terminal.enter('echo sleeping; sleep 100; echo "slept $?"');
    await terminal.shows(/^sleeping/m);
    terminal.press('C-c');
    terminal.enter('echo awake');
    await terminal.shows(/^awake/m);
    terminal.enter('sh -c "echo running; exec sleep 101"');
    await terminal.shows(/^running/m);
    terminal.press('C-z');
    await terminal.shows(/Stopped/);
    terminal.enter('kill -9 %1; echo reading; cat; echo "end of input"');
    // What is typed ahead is read by the shell's own line editor, in part.
    await terminal.shows(/^reading/m);
    terminal.enter('a line');
    await terminal.shows(/^a line\s+a line/m);
    terminal.press('C-d');
    await terminal.shows(/^end of input/m);
    terminal.enter('exit 7');
    await terminal.ended(7);
    await expectSameTerminal();
  });

  it('shows a full-screen editor', async () => {
    terminal.start(command());
    await terminal.shows(PROMPT);
    terminal.enter('busybox vi /tmp/note');
    await eventually(() => Promise.resolve(terminal.isFullScreen), { what: 'vi', withinMs: 10_000 });
    terminal.type('igrüße, 世界');
    await terminal.shows(/^grüße, 世界/m);
    terminal.press('Escape');
    // The status line: no longer I for insert.
    await terminal.shows(/^- \/tmp\/note/m);
    terminal.enter(':wq');
    await eventually(() => Promise.resolve(!terminal.isFullScreen), {
      what: 'the end of vi',
      withinMs: 10_000,
    });
    terminal.enter('clear; cat /tmp/note; exit');
    await terminal.ended(0);
    expect(terminal.screen()).toContain('grüße, 世界');
    await expectSameTerminal();
  });

  it('is left with ~. at the start of a line', async () => {
    terminal.start(command());
    await terminal.shows(PROMPT);
    terminal.enter('echo no~.thing; sleep 1000');
    await terminal.shows(/^no~.thing/m);
    terminal.type('~?');
    await terminal.shows(/~\.\s+ends this session/);
    terminal.press('Enter');
    terminal.type('~.');
    await terminal.ended(255);
    expect(terminal.screen()).toContain('ended with ~.');
    await expectSameTerminal();
  });

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('gives the terminal back after %s', async (signal) => {
    terminal.start(command());
    await terminal.shows(PROMPT);
    terminal.enter('busybox vi /tmp/other');
    await eventually(() => Promise.resolve(terminal.isFullScreen), { what: 'vi', withinMs: 10_000 });
    process.kill(rdtPid(), signal);
    await terminal.ended(130);
    await expectSameTerminal();
  });
});

describe('the terminal is given back', () => {
  const editing = async (command: string): Promise<void> => {
    terminal.start(command);
    await terminal.shows(PROMPT);
    terminal.enter('busybox vi /tmp/mine');
    await eventually(() => Promise.resolve(terminal.isFullScreen), { what: 'vi', withinMs: 10_000 });
  };

  it('after SIGQUIT', async () => {
    await editing(ssh(development, '-c', 'web'));
    process.kill(rdtPid(), 'SIGQUIT');
    await terminal.ended(130);
    await expectSameTerminal();
  });

  it('after a crash of our own', async () => {
    // Quotes would be taken off by the options' own parser.
    const bug = 'data:text/javascript,process.on(`SIGUSR2`,()=>{throw(Error(`a-bug`))})';
    await editing(`NODE_OPTIONS='--import=${bug}' ${ssh(development, '-c', 'web')}`);
    process.kill(rdtPid(), 'SIGUSR2');
    await terminal.ended(1);
    expect(terminal.screen()).toMatch(/^Error: a-bug/m);
    await expectSameTerminal();
  });
});

describe('a terminal for a command', () => {
  it('is there when -t asks for it, and not without', async () => {
    terminal.start(`${ssh(development, '-c', 'web', '-t')} -- tty`);
    await terminal.ended(0);
    expect(terminal.screen()).toMatch(/^\/dev\/pts/m);
    terminal.start(`${ssh(development, '-c', 'web')} -- tty < /dev/null`);
    await terminal.ended(1);
    await expectSameTerminal();
  });

  it('is not needed to type its input', async () => {
    terminal.start(`${ssh(production, '--host')} -- cat`);
    terminal.enter('typed');
    await terminal.shows(/^typed\s+typed/m);
    terminal.press('C-d');
    await terminal.ended(0);
    await expectSameTerminal();
  });
});

const lockedKey = (name: string): string => {
  const locked = join(rdt.home, name);
  copyFileSync(production.testerKeyFile, locked);
  chmodSync(locked, 0o600);
  execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'open sesame', '-f', locked]);
  return locked;
};

describe('a key that needs a passphrase', () => {
  it('is asked for again after a wrong one, until the person ends it', async () => {
    const args = [BIN, 'ssh', production.address, '--identity', lockedKey('ended'), '--host', '--', 'true'];
    terminal.start([process.execPath, ...args].join(' '));
    await terminal.shows(/Passphrase of \S+ended/);
    terminal.enter('nonsense');
    await terminal.shows(/Wrong; the passphrase of \S+ended/);
    terminal.press('C-c');
    await terminal.ended(130);
    await expectSameTerminal();
  });
});

describe('--verbose', () => {
  it('shows neither a passphrase that was typed nor the key that it opened', async () => {
    const locked = lockedKey('locked');
    const args = [BIN, 'ssh', production.address, '--identity', locked, '--host', '--verbose', '--', 'true'];
    terminal.start([process.execPath, ...args].join(' '));
    await terminal.shows(/[Pp]assphrase/);
    terminal.enter('open sesame');
    await terminal.ended(0);
    const screen = terminal.screen();
    expect(screen).toMatch(/ssh: offering \S+locked \(ssh-ed25519 SHA256:/);
    expect(screen).toContain('ssh: logged in');
    expect(screen).not.toContain('sesame');
    expect(screen).not.toMatch(/PRIVATE KEY/);
    await expectSameTerminal();
  });
});

describe('without --container and --host', () => {
  it('the running containers are there to choose from, the app of the folder first', async () => {
    await development.docker('run', '--detach', '--name', 'resin_supervisor', 'busybox', ...LOOP);
    await development.docker('run', '--detach', '--name', 'another', 'busybox', ...LOOP);
    terminal.enter(`cd ${rdt.home}; printf 'local_resinos:\\n  app-name: web\\n' > .resin-sync.yml`);
    terminal.start(ssh(development));
    await terminal.shows(/Which container\?/);
    expect(terminal.screen()).toMatch(/❯ web +busybox +Up .*\n\s+another +busybox +Up/);
    expect(terminal.screen()).not.toContain('supervisor');
    terminal.press('Enter');
    await terminal.shows(PROMPT);
    terminal.enter('exit 3');
    await terminal.ended(3);
    await expectSameTerminal();
  });

  it('choosing none is no session', async () => {
    terminal.start(ssh(development));
    await terminal.shows(/Which container\?/);
    terminal.press('C-c');
    await terminal.ended(130);
    await expectSameTerminal();
  });

  it('an image without a shell gets one line', async () => {
    await development.docker('run', '--detach', '--name', 'bare', 'scratch-app');
    terminal.start(ssh(development, '-c', 'bare'));
    await terminal.ended(1);
    expect(terminal.screen()).toMatch(/bare has no shell .*--host/);
  });
});

describe('when the device dies', () => {
  /** An editor in a session of its own, on a screen of its own. */
  const editing = async (command: string): Promise<Screen> => {
    const screen = await openScreen();
    screen.terminal.start(command);
    await screen.terminal.shows(PROMPT);
    screen.terminal.enter('busybox vi /tmp/lost');
    await eventually(() => Promise.resolve(screen.terminal.isFullScreen), { what: 'vi', withinMs: 10_000 });
    return screen;
  };
  const isLost = async ({ terminal: own, before: settings }: Screen, withinMs: number): Promise<void> => {
    await own.ended(255, withinMs);
    expect(own.screen()).toMatch(/rdt: Lost (tcp|ssh):\/\/\S+: the connection was cut/);
    await expectSameTerminal(own, settings);
  };
  const container = (): string => ssh(development, '-c', 'web');
  const host = (): string => ssh(production, '--host');

  it('without its cable, sessions end within 15 s, and with ~. at once', async () => {
    const sessions = await Promise.all([container(), ssh(production, '-c', 'web'), host()].map(editing));
    terminal.start(host());
    await terminal.shows(PROMPT);
    await Promise.all([development.unplug(), production.unplug()]);
    // What is typed into a dead connection must not keep that from being noticed.
    for (const session of sessions) session.terminal.type('hello?');
    terminal.press('Enter');
    terminal.type('~.');
    await terminal.ended(255, 3_000);
    await expectSameTerminal();
    await Promise.all(sessions.map((session) => isLost(session, 15_000)));
    await Promise.all([development.plug(), production.plug()]);
  });

  it('with its engine killed, a container session ends at once', async () => {
    const session = await editing(container());
    await development.killEngine();
    await isLost(session, 3_000);
    await development.startEngine();
    await startApp(development);
  });

  it('by a power cut, all end', async () => {
    const sessions = await Promise.all([container(), host()].map(editing));
    const cuts = [development, production].map((device) => device.reboot({ powerCut: true }));
    await Promise.all(sessions.map((session) => isLost(session, 15_000)));
    await Promise.all(cuts);
  });
});
