import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { encode, type Answer } from 'dns-packet';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ScanJson } from '../../src/discovery/scan-json.js';
import { mustRun } from '../testbed/program.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { type Adapter, Laptop } from './discovery/laptop.js';
import { RunningRdt } from './rdt.js';

const here = (file: string) => fileURLToPath(new URL(`./discovery/${file}`, import.meta.url));

let kitchen: VirtualDevice;
/** Has the same name, on another network. */
let otherKitchen: VirtualDevice;
/** Announces ssh, but not that it is a device; a production image otherwise. */
let nas: VirtualDevice;
beforeAll(async () => {
  kitchen = await VirtualDevice.up({ name: 'find-a', hostname: 'kitchen', bridge: 'find-1' });
  otherKitchen = await VirtualDevice.up({ name: 'find-b', hostname: 'kitchen', bridge: 'find-2' });
  const plain = { production: true, subtype: false };
  nas = await VirtualDevice.up({ name: 'find-c', hostname: 'nas', bridge: 'find-1', ...plain });
});
afterAll(async () => {
  for (const device of [kitchen, otherKitchen, nas]) await device.down();
});

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const resource of open.splice(0).reverse()) await resource[Symbol.asyncDispose]();
});

/** The same network as a device's, as another host. */
const hostBeside = (device: VirtualDevice, last: number): string =>
  device.address.replace(/\d+$/, String(last));
const adapterBeside = (device: VirtualDevice, last = 240): Adapter => ({
  bridge: device.hostInterface,
  addresses: [`${hostBeside(device, last)}/24`],
});

async function laptop(...adapters: Adapter[]): Promise<Laptop> {
  const made = await Laptop.up('findlap', adapters);
  open.push(made);
  return made;
}

async function scanned(computer: Laptop, ...args: string[]): Promise<readonly ScanJson[]> {
  const { stdout } = await computer.run(['scan', '--json', '--timeout', '2', ...args]);
  return JSON.parse(stdout) as ScanJson[];
}

interface Found {
  readonly name?: string;
  readonly address?: string;
  readonly kind?: string;
  readonly sshPort?: number;
  readonly engine?: { readonly port: number };
  readonly exitCode?: number;
  readonly message?: string;
  readonly hint?: string;
  readonly durationMs: number;
  readonly stderr: string;
  /** Of the whole process: what it still waits for after the answer counts. */
  readonly processMs: number;
}

async function found(computer: Laptop, ...target: string[]): Promise<Found> {
  const program = ['--import', 'tsx', here('find-device-program.ts'), ...target];
  const result = await new RunningRdt(computer.spawn([process.execPath, ...program])).ended();
  if (result.stdout === '') throw new Error(result.stderr);
  return { ...(JSON.parse(result.stdout) as Found), stderr: result.stderr, processMs: result.durationMs };
}

/** Answers every question with these packets, from an adapter of the computer. */
async function answerFrom(computer: Laptop, own: string, ...packets: Buffer[]): Promise<void> {
  const texts = packets.map((packet) => packet.toString('base64'));
  const child = computer.spawn([process.execPath, here('responder.mjs'), own, ...texts]);
  const ended = once(child, 'close');
  open.push({
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  });
  await once(child.stdout ?? child, 'data');
}

/** Joins a new adapter of a namespace with the other end of one of the computer's. */
async function secondCable(namespace: string, address: string, otherEnd: string): Promise<void> {
  const remove = (link: string): AsyncDisposable => ({
    async [Symbol.asyncDispose]() {
      await mustRun(['ip', 'link', 'delete', link]);
    },
  });
  // What a run left that was killed.
  for (const link of ['find-x', 'find-y']) {
    if (existsSync(`/sys/class/net/${link}`)) await mustRun(['ip', 'link', 'delete', link]);
  }
  await mustRun(['ip', 'link', 'add', 'find-x', 'type', 'veth', 'peer', 'name', 'eth1', 'netns', namespace]);
  open.push(remove('find-x'));
  await mustRun(['ip', '-n', namespace, 'address', 'add', address, 'dev', 'eth1']);
  await mustRun(['ip', '-n', namespace, 'link', 'set', 'eth1', 'up']);
  await mustRun(['ip', 'link', 'add', 'find-y', 'type', 'bridge']);
  open.push(remove('find-y'));
  for (const port of ['find-x', otherEnd])
    await mustRun(['ip', 'link', 'set', port, 'master', 'find-y', 'up']);
  await mustRun(['ip', 'link', 'set', 'find-y', 'up']);
}

const announcement = (name: string, address: string, port = 22222): Buffer => {
  const instance = `${name}._ssh._tcp.local`;
  const answers: Answer[] = [
    { type: 'PTR', name: '_resin-device._sub._ssh._tcp.local', ttl: 10, data: instance },
    { type: 'SRV', name: instance, ttl: 10, data: { target: 'x.local', port } },
    { type: 'A', name: 'x.local', ttl: 10, data: address },
  ];
  return encode({ type: 'response', id: 0, flags: 0, answers });
};

describe('rdt scan', () => {
  it('shows a development device with what its engine says', async () => {
    const rows = await scanned(await laptop(adapterBeside(kitchen)));
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      name: 'kitchen',
      address: kitchen.address,
      kind: 'development',
      sshPort: 22222,
    });
    expect(rows[0]?.addresses).toContain(kitchen.ipv6);
    expect(rows[0]?.engine).toMatchObject({ port: 2375, architecture: 'x86_64', runningContainers: 0 });
  });

  it('asks on every interface, and takes two devices of one name for two', async () => {
    const rows = await scanned(await laptop(adapterBeside(kitchen), adapterBeside(otherKitchen)));
    expect(rows.map(({ name }) => name)).toEqual(['kitchen', 'kitchen']);
    const addresses = rows.map(({ address }) => address).sort();
    expect(addresses).toEqual([kitchen.address, otherKitchen.address].sort());
  });

  it('shows hosts without the subtype only with --all', async () => {
    const computer = await laptop(adapterBeside(nas));
    expect((await scanned(computer)).map(({ name }) => name)).toEqual(['kitchen']);
    const all = await scanned(computer, '--all');
    expect(all.map(({ name, kind }) => `${name} ${kind}`).sort()).toEqual([
      'kitchen development',
      'nas host',
    ]);
  });

  it('works over IPv6 alone', async () => {
    const own = kitchen.ipv6.replace(/[0-9a-f]+$/, 'f0');
    const rows = await scanned(await laptop({ bridge: kitchen.hostInterface, addresses: [`${own}/64`] }));
    expect(rows).toMatchObject([{ name: 'kitchen', address: kitchen.ipv6, engine: { port: 2375 } }]);
  });

  it('shows other devices while the engine of one hangs, and says of that one why', async () => {
    const computer = await laptop(adapterBeside(kitchen), adapterBeside(otherKitchen));
    await kitchen.pauseEngine();
    try {
      const running = computer.start(['scan', '--timeout', '4']);
      await running.until(new RegExp(otherKitchen.address));
      expect(running.stdout).not.toContain(`${kitchen.address} `);
      const { stdout, exitCode } = await running.ended();
      expect(exitCode).toBe(0);
      const line = stdout.split('\n').find((text) => text.includes(`${kitchen.address} `));
      expect(line).toMatch(/development +- +- +- +port 2375 accepts connections but says nothing$/);
    } finally {
      await kitchen.resumeEngine();
    }
  });

  it('works on one interface while another one leads nowhere, and one more is down', async () => {
    const nowhere: Adapter = { addresses: ['10.66.0.1/24'] };
    const computer = await laptop(nowhere, { addresses: ['10.67.0.1/24'] }, adapterBeside(kitchen));
    await computer.setAdapter(1, 'down');
    expect(await scanned(computer)).toMatchObject([{ name: 'kitchen' }]);
  });

  it('goes on when an interface goes down in the middle', async () => {
    const computer = await laptop(adapterBeside(otherKitchen), adapterBeside(kitchen));
    const running = computer.start(['scan', '--timeout', '3']);
    await running.until(new RegExp(otherKitchen.address));
    await computer.setAdapter(0, 'down');
    expect((await running.ended()).exitCode).toBe(0);
    expect(running.stdout).toContain(kitchen.address);
  });

  it('says where it asked when there is none, with exit code 1', async () => {
    const computer = await laptop({ addresses: ['10.66.0.1/24'] });
    const { stdout, stderr, exitCode } = await computer.run(['scan', '--timeout', '0.5']);
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 1 });
    expect(stderr).toMatch(/nobody answered within 0\.5 s on lan0 \(10\.66\.0\.1, fe80::/);
  });

  it('says that there is no network when there is none', async () => {
    const { stderr, exitCode } = await (await laptop()).run(['scan', '--json', '--timeout', '0.5']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('no network interface could be asked');
  });

  it.each([
    ['by its engine', () => kitchen, []],
    ['by its host key', () => nas, ['--all']],
  ])('takes a device with two adapters for one, which it tells %s', async (_what, which, flags) => {
    const device = which();
    const second = '10.68.0.5';
    const computer = await laptop(adapterBeside(device), { addresses: ['10.68.0.1/24'] });
    await secondCable(`rdt-${device.name}`, `${second}/24`, 'findlap1');
    // Said by the computer itself, in the name of the device's second adapter, which avahi leaves alone.
    await answerFrom(computer, '10.68.0.1', announcement(device.hostname, second));
    const rows = await scanned(computer, ...flags);
    expect(rows.filter(({ name }) => name === device.hostname)).toHaveLength(1);
    // The announcement was heard: the name in it leads to the second adapter.
    expect(await found(computer, 'x.local')).toMatchObject({ address: second });
  });

  it('survives a network with hostile responders, and shows no control characters', async () => {
    const computer = await laptop(adapterBeside(kitchen));
    const attacker = await Laptop.up('findevil', [adapterBeside(kitchen, 241)]);
    open.push(attacker);
    const own = hostBeside(kitchen, 241);
    const header = Buffer.from([0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    const loop = Buffer.concat([
      header,
      Buffer.from([0xc0, 0x0c, 0, 12, 0, 1, 0, 0, 0, 9, 0, 2, 0xc0, 0x0c]),
    ]);
    const promises = Buffer.from([0, 0, 0x84, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
    await answerFrom(
      attacker,
      own,
      loop,
      promises,
      Buffer.from('no DNS'),
      announcement('evil\u001b[2J\u0007', own),
    );
    const { stdout, exitCode } = await computer.run(['scan', '--timeout', '3']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(kitchen.address);
    expect(stdout).toContain('evil\\u{1b}[2J\\u{7}');
    expect(stdout).not.toContain('\u001b');
  });

  it('ends at once with exit code 130 when it is interrupted', async () => {
    const running = (await laptop(adapterBeside(kitchen))).start(['scan', '--timeout', '60']);
    await running.until(new RegExp(kitchen.address));
    running.kill('SIGINT');
    expect((await running.ended()).exitCode).toBe(130);
  });

  it('refuses a time that is none', async () => {
    const { exitCode, stderr } = await (await laptop()).run(['scan', '--timeout', 'soon']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('--timeout');
  });
});

describe('a person at a terminal', () => {
  const DOWN = '\u001b[B';

  it.each([
    ['chooses from two devices that answer', [DOWN, '\r'], /"kind":"development"/],
    ['leaves the list with Ctrl-C', ['\u0003'], /"exitCode":130/],
  ])('%s', async (_what, keys, outcome) => {
    const computer = await laptop(adapterBeside(kitchen), adapterBeside(otherKitchen));
    const command = [process.execPath, '--import', 'tsx', here('find-device-program.ts')].join(' ');
    const terminal = new RunningRdt(computer.spawn(['script', '--quiet', '--command', command, '/dev/null']));
    await terminal.until(/Which one/);
    await terminal.until(new RegExp(kitchen.address));
    await terminal.until(new RegExp(otherKitchen.address));
    for (const key of keys) terminal.child.stdin?.write(key);
    await terminal.until(outcome);
    terminal.child.stdin?.end();
    await terminal.ended();
  });
});

describe('a device that does not answer', () => {
  const COMMANDS = [
    'push DEVICE --app-name app --skip-logs',
    'ssh DEVICE --container app',
    'ssh DEVICE --host -- true',
    'logs DEVICE',
    'logs DEVICE --host',
    'configure --device DEVICE --show',
  ];

  it('ends every command in less than 3 s, with the reason', async () => {
    const computer = await laptop(adapterBeside(kitchen));
    // A host that drops what it gets, as a firewall does; nobody says that it is not there.
    const silent = hostBeside(kitchen, 233);
    await computer.drop(silent);
    for (const command of COMMANDS) {
      const { exitCode, stderr, durationMs } = await computer.run(
        command.replace('DEVICE', silent).split(' '),
      );
      expect(exitCode, `${command}\n${stderr}`).toBe(4);
      expect(stderr).toMatch(new RegExp(`Cannot reach ${silent}: no answer within 2 s`));
      expect(durationMs, command).toBeLessThan(3000);
    }
  });

  it('is in the list of a scan, with the reason', async () => {
    const computer = await laptop(adapterBeside(kitchen));
    const dead = hostBeside(kitchen, 234);
    await computer.drop(dead);
    await answerFrom(computer, hostBeside(kitchen, 240), announcement('attic', dead));
    const { stdout, exitCode, durationMs } = await computer.run(['scan', '--timeout', '2.5']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^kitchen .* development /m);
    expect(stdout).toMatch(/^attic +\S+ +unreachable .*no answer within 2 s/m);
    expect(durationMs).toBeLessThan(4000);
  });
});

describe('finding one device', () => {
  it('uses the only one', async () => {
    const device = await found(await laptop(adapterBeside(kitchen)));
    expect(device).toMatchObject({ name: 'kitchen', address: kitchen.address, kind: 'development' });
    expect(device.stderr).toContain(`Using kitchen (${kitchen.address}), the only device`);
  });

  it('lists two of one name, when asked for none and when asked for that name', async () => {
    const computer = await laptop(adapterBeside(kitchen), adapterBeside(otherKitchen));
    for (const target of [[], ['kitchen'], ['kitchen.local']]) {
      const { exitCode, hint } = await found(computer, ...target);
      expect(exitCode).toBe(3);
      expect(hint).toContain(kitchen.address);
      expect(hint).toContain(otherKitchen.address);
    }
  });

  it('resolves names by its own questions, while the name server is silent', async () => {
    const computer = await laptop(adapterBeside(kitchen));
    expect(await found(computer, 'kitchen.local')).toMatchObject({ address: kitchen.address });
    expect(await found(computer, 'nas')).toMatchObject({
      address: nas.address,
      kind: 'production',
      sshPort: 22222,
    });
  });

  it.each([
    ['an IPv4 address', () => kitchen.address],
    ['an engine', () => `tcp://${kitchen.address}:2375`],
    ['an address with a port', () => `${kitchen.address}:2375`],
    ['a link-local address', () => kitchen.ipv6LinkLocal.replace(/%.*/, '%lan0')],
    ['a link-local address with a port', () => `[${kitchen.ipv6LinkLocal.replace(/%.*/, '%lan0')}]:2375`],
  ])('takes %s', async (_what, target) => {
    const device = await found(await laptop(adapterBeside(kitchen)), target());
    expect(device).toMatchObject({ kind: 'development', engine: { port: 2375 } });
  });

  it('finds a host that only the resolver of the system knows, and calls it by that name', async () => {
    const computer = await laptop(adapterBeside(kitchen));
    await computer.addHost('pi.example.org', kitchen.address);
    expect(await found(computer, 'pi.example.org')).toMatchObject({
      name: 'pi.example.org',
      address: kitchen.address,
      kind: 'development',
    });
    const { exitCode, stderr } = await computer.run(['logs', 'pi.example.org']);
    expect(exitCode, stderr).toBe(1);
    expect(stderr).toMatch(/container/);
  });

  it('finds a production device by ssh', async () => {
    const device = await found(await laptop(adapterBeside(nas)), nas.address);
    expect(device).toMatchObject({ kind: 'production', sshPort: 22222 });
    expect(device.engine).toBeUndefined();
  });

  it.each([
    ['an address that nobody has', () => hostBeside(kitchen, 233), /no answer within 2 s/],
    ['a port that nobody listens on', () => `${kitchen.address}:4000`, /connection refused \(port 4000\)/],
    ['a network without a route', () => '10.99.9.9', /no route to the host/],
    ['a .local name that nobody has', () => 'nowhere.local', /the name is unknown/],
    ['a name that only a silent name server could know', () => 'pi.example.org', /the name is unknown/],
  ])('says in less than 3 s why %s cannot be reached', async (_what, target, reason) => {
    const { exitCode, message, durationMs, processMs } = await found(
      await laptop(adapterBeside(kitchen)),
      target(),
    );
    expect(exitCode).toBe(4);
    expect(message).toMatch(reason);
    expect(durationMs).toBeLessThan(3000);
    // Nothing keeps the process alive after that; the rest is the start of node with tsx.
    expect(processMs - durationMs).toBeLessThan(3000);
  });

  it('says of a device whose cable was pulled that it does not answer', async () => {
    const computer = await laptop(adapterBeside(kitchen));
    await kitchen.unplug();
    try {
      expect(await found(computer, kitchen.address)).toMatchObject({ exitCode: 4 });
    } finally {
      await kitchen.plug();
    }
  });
});
