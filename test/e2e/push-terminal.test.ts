import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { Laptop } from './discovery/laptop.js';
import { PseudoTerminal } from './pseudo-terminal.js';
import { HELLO } from './pushed-app.js';
import { BIN, Rdt } from './rdt.js';

let kitchen: VirtualDevice;
let shed: VirtualDevice;
let laptop: Laptop;
let rdt: Rdt;
let terminal: PseudoTerminal;
let folder: string;

beforeAll(async () => {
  const options = { images: ['busybox'] } as const;
  kitchen = await VirtualDevice.up({
    ...options,
    name: 'push-term-a',
    hostname: 'kitchen',
    bridge: 'pterm-1',
  });
  shed = await VirtualDevice.up({ ...options, name: 'push-term-b', hostname: 'shed', bridge: 'pterm-2' });
  laptop = await Laptop.up(
    'ptermlap',
    [kitchen, shed].map(({ hostInterface, address }) => ({
      bridge: hostInterface,
      addresses: [`${address.replace(/\d+$/, '240')}/24`],
    })),
  );
});
afterAll(async () => {
  await laptop.down();
  for (const device of [kitchen, shed]) await device.down();
});
beforeEach(() => {
  rdt = new Rdt();
  folder = join(rdt.home, 'My App!');
  mkdirSync(folder);
  for (const [name, content] of Object.entries(HELLO)) writeFileSync(join(folder, name), content);
  terminal = new PseudoTerminal({ HOME: rdt.home, XDG_STATE_HOME: '', SSH_AUTH_SOCK: '', NO_COLOR: '1' });
  terminal.enter(`cd '${folder}'`);
});
afterEach(() => {
  terminal[Symbol.dispose]();
  rdt[Symbol.dispose]();
});

/** `rdt push` typed by a person at the laptop. */
const startPush = (...args: string[]): void => {
  const inside = ['ip', 'netns', 'exec', laptop.name];
  terminal.start([...inside, process.execPath, BIN, 'push', ...args, '--skip-logs'].join(' '));
};

const projectFile = (): string => readFileSync(join(folder, '.resin-sync.yml'), 'utf8');

const isOn = async (device: VirtualDevice, app: string): Promise<boolean> =>
  (await device.docker('inspect', '--type', 'container', app)).exitCode === 0;

describe('the first push of a folder', () => {
  it('proposes the name of the folder, made fit for a container', async () => {
    startPush(kitchen.address);
    await terminal.shows(/Name of the app.*my-app/);
    terminal.press('Enter');
    await terminal.ended(0);
    expect(await isOn(kitchen, 'my-app')).toBe(true);
    expect(projectFile()).toContain('app-name: my-app\n');
  });

  it('says what is wrong with a name, and asks only once in the life of a project', async () => {
    startPush(kitchen.address);
    await terminal.shows(/Name of the app/);
    terminal.enter('Shop_1');
    await terminal.shows(/It .*lower-case/);
    terminal.press(...Array.from({ length: 'Shop_1'.length }, () => 'BSpace'));
    terminal.enter('shop-1');
    await terminal.ended(0);
    expect(projectFile()).toContain('app-name: shop-1\n');
    writeFileSync(join(folder, 'greeting.txt'), 'again');
    startPush(kitchen.address);
    await terminal.ended(0);
    expect(terminal.screen()).not.toContain('Name of the app');
    expect(terminal.screen()).toContain('shop-1 synced');
  });

  it('does nothing when the name is refused with Ctrl-C', async () => {
    await kitchen.docker('rm', '--force', 'my-app');
    startPush();
    await terminal.shows(/Name of the app/);
    terminal.press('C-c');
    await terminal.ended(130);
    expect(await isOn(kitchen, 'my-app')).toBe(false);
    expect(() => projectFile()).toThrow('ENOENT');
  });
});

describe('several devices', () => {
  it('are there to choose from as they answer, also one that comes later', async () => {
    await shed.unplug();
    const third = await VirtualDevice.up({ name: 'push-term-c', hostname: 'attic', bridge: 'pterm-1' });
    try {
      startPush('--app-name', 'chosen');
      await terminal.shows(/Which one\?/);
      await terminal.shows(/kitchen +\S+ +development/);
      await terminal.shows(/attic +\S+ +development/);
      expect(terminal.screen()).not.toContain('shed');
      await shed.plug();
      await terminal.shows(/shed +\S+ +development/, 30_000);
      terminal.press('Down', 'Down');
      await terminal.shows(/^> shed/m);
      terminal.press('Enter');
      await terminal.ended(0);
      expect(await Promise.all([kitchen, shed].map((device) => isOn(device, 'chosen')))).toEqual([
        false,
        true,
      ]);
    } finally {
      await third.down();
    }
  });

  it('are asked about after the name, not at the same time', async () => {
    startPush();
    await terminal.shows(/Name of the app/);
    // Whatever this push looks for, a search that began later has found it.
    const { stdout } = await laptop.run(['scan', '--timeout', '1']);
    expect(stdout).toMatch(/kitchen[^]*shed|shed[^]*kitchen/);
    expect(terminal.screen()).not.toContain('Which one?');
    terminal.enter('both-asked');
    await terminal.shows(/Which one\?/);
    await terminal.shows(/^[> ] kitchen/m);
    // Whichever answers first is proposed.
    if (!/^> kitchen/m.test(terminal.screen())) terminal.press('Down');
    await terminal.shows(/^> kitchen/m);
    terminal.press('Enter');
    await terminal.ended(0);
    expect(await isOn(kitchen, 'both-asked')).toBe(true);
  });
});
