import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { eventually } from '../testbed/eventually.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { PseudoTerminal } from './pseudo-terminal.js';
import { BIN, Rdt } from './rdt.js';
import { peakMegabytes, untilStuck } from './until-stuck.js';

/** Full screen, no cursor, another title and character set, mouse, bracketed paste, and a colour that never ends. */
const HARMFUL =
  'printf "\\033[?1049h\\033[?25l\\033]2;stolen\\007\\033(0\\033[?1000h\\033[?2004h\\033[8mhidden\\033[3;3Hmoved\\n"; echo after';
const ESC = '\u001b';
const LINES = 600_000;
const FLOOD = `awk 'BEGIN { for (i = 1; i <= ${LINES}; i++) printf "%08d ${'x'.repeat(90)}\\n", i }'`;
const MOST_MEGABYTES = 150;

let device: VirtualDevice;
let terminal: PseudoTerminal;
let before: string;
const rdt = new Rdt();

beforeAll(async () => {
  device = await VirtualDevice.up({ name: 'logs-term', images: ['busybox'] });
  const run = (name: string, script: string) =>
    device.docker('run', '-d', '--name', name, 'busybox', 'sh', '-c', script);
  await run('harmful', HARMFUL);
  await run('other', 'echo quiet');
  await run('flood', FLOOD);
  await run('ticker', 'i=0; while true; do i=$((i+1)); echo tick $i; sleep 0.2; done');
  await device.docker('wait', 'harmful', 'other', 'flood');
});
afterAll(async () => {
  rdt[Symbol.dispose]();
  await device.down();
});
beforeEach(async () => {
  terminal = new PseudoTerminal({ HOME: rdt.home, XDG_STATE_HOME: '', SSH_AUTH_SOCK: '' });
  before = await terminal.settings('before');
});
afterEach(() => {
  terminal[Symbol.dispose]();
});

const logs = (...args: string[]): string =>
  [process.execPath, BIN, 'logs', device.address, ...args].join(' ');

const expectSameTerminal = async (): Promise<void> => {
  expect(await terminal.settings('after')).toBe(before);
  expect(terminal.isFullScreen).toBe(false);
  expect(terminal.isCursorShown).toBe(true);
};

const rdtPid = (): number =>
  Number(
    execFileSync('pgrep', ['-f', `logs ${device.address} -a flood`], { encoding: 'utf8' })
      .split('\n')
      .find((pid) => pid !== ''),
  );

it('a command that is still at work when its terminal has gone does not crash', async () => {
  const status = join(rdt.home, 'status');
  const scan = [process.execPath, BIN, 'scan', '--timeout', '2'].join(' ');
  terminal.enter(`clear; (trap : HUP; ${scan}; echo $? >${status})`);
  await terminal.shows(new RegExp(`${device.address} +development`));
  terminal.vanish();
  const ended = () => Promise.resolve(existsSync(status) && readFileSync(status, 'utf8') !== '');
  await eventually(ended, { what: 'the end of rdt scan', withinMs: 15_000 });
  // 134 is SIGABRT.
  expect(Number(readFileSync(status, 'utf8'))).toBeLessThan(128);
});

it('what an app prints does nothing to the terminal', async () => {
  terminal.start(logs('-a', 'harmful'));
  await terminal.ended(0);
  expect(terminal.screen()).toMatch(/^.*hidden.*moved\n+after$/m);
  await expectSameTerminal();
});

it('--raw lets it do everything', async () => {
  terminal.start(logs('-a', 'harmful', '--raw'));
  await eventually(() => Promise.resolve(terminal.isFullScreen), { what: 'full screen', withinMs: 15_000 });
  expect(terminal.isCursorShown).toBe(false);
});

it('several apps have names in colours, and none with NO_COLOR', async () => {
  terminal.start(logs('-a', 'harmful', '-a', 'other'));
  await terminal.ended(0);
  expect(terminal.screenWithColours()).toMatch(new RegExp(`^${ESC}\\[3\\dmother +\\|`, 'm'));
  terminal.start(`NO_COLOR=1 ${logs('-a', 'harmful', '-a', 'other')}`);
  await terminal.ended(0);
  expect(terminal.screenWithColours()).toMatch(/^other +\| quiet/m);
});

it('Ctrl-C ends what is followed, with exit code 0', async () => {
  terminal.start(logs('-a', 'ticker', '-f', '--tail', '1'));
  await terminal.shows(/^tick \d+\ntick/m);
  terminal.press('C-c');
  await terminal.ended(0);
  await expectSameTerminal();
});

it('less as a slow reader holds memory flat, and ends it', async () => {
  terminal.start(`${logs('-a', 'flood', '--tail', 'all')} | less`);
  await terminal.shows(/^00000001 x/m);
  const pid = rdtPid();
  await untilStuck(pid);
  expect(peakMegabytes(pid)).toBeLessThan(MOST_MEGABYTES);
  terminal.press('Space');
  await terminal.shows(/^00000030 x/m);
  terminal.press('q');
  await terminal.ended(0);
  await eventually(() => Promise.resolve(!isRunning(pid)), { what: 'the end of rdt', withinMs: 5_000 });
  await expectSameTerminal();
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
