import { spawnSync } from 'node:child_process';
import { Command, InvalidArgumentError, Option } from 'commander';
import { BASE_IMAGES } from './base-images.js';
import { deviceNames } from './device-record.js';
import { missingForDevices } from './host-check.js';
import { destroyDevice } from './teardown.js';
import { TestbedError } from './testbed-error.js';
import { withTestbedLock } from './testbed-lock.js';
import { LINK_PROFILES, VirtualDevice, type VirtualDeviceOptions } from './virtual-device.js';

type ProfileName = keyof typeof LINK_PROFILES;

interface UpFlags extends Omit<VirtualDeviceOptions, 'name' | 'link' | 'authorizedKeys' | 'outlivesProcess'> {
  readonly link?: ProfileName;
  readonly authorizedKey?: string[];
}

const profileNames = Object.keys(LINK_PROFILES);

function program(): Command {
  const device = new Command('device')
    .description(
      'Virtual devices on this machine: a real engine, sshd and mDNS responder in namespaces of their own.',
    )
    .usage('<command> [name]')
    .enablePositionalOptions()
    .showHelpAfterError();
  addUp(device);
  device.command('list').description('the devices that are up').action(list);
  device
    .command('ssh <name> [command...]')
    .description('a shell on the device, or one command')
    .passThroughOptions()
    .action(ssh);
  device
    .command('docker <name> [words...]')
    .description('the docker client against the device')
    .passThroughOptions()
    .action(docker);
  device.command('reboot <name>').description('off and on again; the disk is kept').action(reboot);
  device
    .command('unplug <name>')
    .description('pull the network cable')
    .action((name: string) => find(name).unplug());
  device
    .command('plug <name>')
    .description('plug the network cable in')
    .action((name: string) => find(name).plug());
  device
    .command('link <name>')
    .argument('<profile>', `shape of the slow link: ${profileNames.join(', ')}`, parseProfile)
    .description('make or change the slow second way to the device')
    .action(link);
  device.command('down <name>').description('remove the device and everything of it').action(down);
  return device;
}

function addUp(device: Command): void {
  device
    .command('up <name>')
    .description('make and boot a device; it goes on in the background')
    .option('--hostname <hostname>', 'what it announces (default: its name)')
    .option('--production', 'ssh by key only, no engine on TCP')
    .option('--authorized-key <line...>', 'public keys that ssh takes')
    .option('--engine-port <port>', 'the TCP port of the engine (default: 2375)', parseNumber)
    .option('--engine-socket <path>', 'for example /var/run/balena-engine.sock')
    .option('--no-subtype', 'announce _ssh._tcp only')
    .option('--no-announce', 'no mDNS at all')
    .option('--bridge <bridge>', 'a network of its own, shared by the devices that name the same')
    .addOption(new Option('--link <profile>', 'a slow second way to the device').choices(profileNames))
    .option('--disk-megabytes <size>', 'a disk of its own for the engine', parseNumber)
    .addOption(
      new Option('--images <image...>', 'images to begin with')
        .choices(BASE_IMAGES)
        .default(['busybox', 'node']),
    )
    .action(up);
}

async function up(name: string, { link: profile, authorizedKey, ...flags }: UpFlags): Promise<void> {
  const device = await VirtualDevice.up({
    ...flags,
    name,
    outlivesProcess: true,
    ...(profile === undefined ? {} : { link: LINK_PROFILES[profile] }),
    ...(authorizedKey === undefined ? {} : { authorizedKeys: authorizedKey }),
  });
  console.log(
    `${name} is up at ${device.address}${profile === undefined ? '' : `, slowly at ${device.linkAddress}`}`,
  );
}

function list(): void {
  const rows = VirtualDevice.list().map((device) => [
    device.name,
    device.address,
    device.linkAddress === device.address ? '-' : device.linkAddress,
    device.options.production === true ? 'production' : 'development',
    device.hostname,
  ]);
  for (const row of [['NAME', 'ADDRESS', 'LINK', 'KIND', 'HOSTNAME'], ...rows]) {
    console.log(
      row
        .map((cell) => cell.padEnd(14))
        .join(' ')
        .trimEnd(),
    );
  }
}

/** The host key is new with each device, so the person's own list of known hosts stays out of it. */
function ssh(name: string, command: string[]): void {
  const device = find(name);
  const unknownHost = [
    '-o',
    'UserKnownHostsFile=/dev/null',
    '-o',
    'StrictHostKeyChecking=no',
    '-o',
    'LogLevel=ERROR',
  ];
  const words = [
    '-p',
    String(device.sshPort),
    '-i',
    device.testerKeyFile,
    `root@${device.address}`,
    ...command,
  ];
  inTerminal('ssh', [...unknownHost, ...words]);
}

function docker(name: string, words: string[]): void {
  inTerminal('docker', ['--host', `unix://${find(name).engineDoor}`, ...words]);
}

function inTerminal(file: string, args: string[]): void {
  process.exitCode = spawnSync(file, args, { stdio: 'inherit' }).status ?? 1;
}

async function reboot(name: string): Promise<void> {
  await find(name).reboot();
}

async function link(name: string, profile: ProfileName): Promise<void> {
  const device = find(name);
  await device.setLink(LINK_PROFILES[profile]);
  console.log(`${name} is slow at ${device.linkAddress}`);
}

/** Also removes what a crash has left of a device. */
async function down(name: string): Promise<void> {
  if (!deviceNames().includes(name)) throw new TestbedError(`There is no virtual device "${name}".`);
  await withTestbedLock(() => destroyDevice(name));
}

function find(name: string): VirtualDevice {
  return VirtualDevice.attach(name);
}

function parseNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It has to be a whole number.');
  return Number(text);
}

function parseProfile(text: string): ProfileName {
  if (text === 'lan' || text === 'wifi') return text;
  throw new InvalidArgumentError(`It has to be one of ${profileNames.join(', ')}.`);
}

async function main(args: string[]): Promise<void> {
  const wantsHelp = args.length === 0 || args.some((word) => ['--help', '-h', 'help'].includes(word));
  const missing = wantsHelp ? undefined : missingForDevices();
  if (missing !== undefined) throw new TestbedError(missing);
  await program().parseAsync(args, { from: 'user' });
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof TestbedError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
