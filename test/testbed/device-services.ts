import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { deviceFile } from './device-record.js';
import { missingCapabilities } from './host-capabilities.js';
import { mustRun } from './program.js';
import {
  DEFAULT_ENGINE_PORT,
  DEFAULT_ENGINE_SOCKET,
  type VirtualDeviceOptions,
} from './virtual-device-options.js';

export const SSH_PORT = 22222;

/** The engine's socket that the test bed itself uses: in the device's folder, so the host reaches it at any time. */
export function engineDoor(name: string): string {
  return deviceFile(name, 'engine.sock');
}

/** Writes what sshd, avahi and the engine are started with. */
export async function writeConfiguration(options: VirtualDeviceOptions): Promise<void> {
  const { name } = options;
  for (const folder of ['etc/services', 'log', 'layer', 'docker', 'data']) {
    mkdirSync(deviceFile(name, folder), { recursive: true });
  }
  writeFileSync(deviceFile(name, 'etc/root-password'), acceptsEmptyPassword(options) ? '' : '*');
  await makeKey(testerKeyFile(name), 'tester');
  writeFileSync(deviceFile(name, 'etc/authorized_keys'), authorizedKeys(options));
  writeFileSync(deviceFile(name, 'etc/sshd_config'), sshdConfiguration(options));
  writeFileSync(deviceFile(name, 'etc/avahi.conf'), avahiConfiguration(options));
  writeFileSync(deviceFile(name, 'etc/services/ssh.service'), serviceAnnouncement(options));
  writeFileSync(deviceFile(name, 'etc/missing-capabilities'), missingCapabilities().join('\n'));
  // The host's own daemon.json must not reach the device.
  writeFileSync(deviceFile(name, 'etc/daemon.json'), '{}\n');
}

/** A new identity, as a device gets it at each flash. */
export function makeHostKey(name: string): Promise<void> {
  return makeKey(deviceFile(name, 'etc/host_key'), name);
}

/** A private key that every device takes that takes keys at all: for testers without one of their own. */
export function testerKeyFile(name: string): string {
  return deviceFile(name, 'etc/tester_key');
}

async function makeKey(file: string, comment: string): Promise<void> {
  rmSync(file, { force: true });
  rmSync(`${file}.pub`, { force: true });
  await mustRun(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', file]);
}

/** As OpenSSH prints it: `SHA256:` and base64 without padding. */
export function hostKeyFingerprint(name: string): string {
  const [, key = ''] = readFileSync(deviceFile(name, 'etc/host_key.pub'), 'utf8').split(' ');
  const digest = createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64');
  return `SHA256:${digest.replace(/=+$/, '')}`;
}

export function sshdCommand({ name }: VirtualDeviceOptions, port: number): string[] {
  return [
    '/usr/sbin/sshd',
    '-p',
    String(port),
    '-f',
    deviceFile(name, 'etc/sshd_config'),
    '-E',
    deviceFile(name, 'log/sshd.log'),
  ];
}

export function avahiCommand({ name }: VirtualDeviceOptions): string[] {
  return [
    'avahi-daemon',
    '-f',
    deviceFile(name, 'etc/avahi.conf'),
    '--no-drop-root',
    '--no-rlimits',
    '--no-chroot',
  ];
}

export function dockerdCommand(options: VirtualDeviceOptions): string[] {
  const { name, production = false, enginePort = DEFAULT_ENGINE_PORT } = options;
  const socket = `/run/${basename(options.engineSocket ?? DEFAULT_ENGINE_SOCKET)}`;
  const tcp = production ? [] : ['--host', `tcp://[::]:${enginePort}`, '--tls=false'];
  return [
    'dockerd',
    ...['--config-file', deviceFile(name, 'etc/daemon.json')],
    ...['--host', `unix://${socket}`, '--host', `unix://${engineDoor(name)}`, ...tcp],
    ...[
      '--data-root',
      deviceFile(name, 'docker'),
      '--exec-root',
      '/run/docker',
      '--pidfile',
      '/run/docker.pid',
    ],
    ...['--cgroup-parent', cgroupOf(name), '--exec-opt', 'native.cgroupdriver=cgroupfs'],
    ...['--shutdown-timeout', '5'],
  ];
}

/** Below every cgroup hierarchy of the host. */
export function cgroupOf(name: string): string {
  return `/rdt-testbed/${name}`;
}

function acceptsEmptyPassword({ production = false, authorizedKeys = [] }: VirtualDeviceOptions): boolean {
  return !production && authorizedKeys.length === 0;
}

function authorizedKeys(options: VirtualDeviceOptions): string {
  if (acceptsEmptyPassword(options)) return '';
  const testerKey = readFileSync(`${testerKeyFile(options.name)}.pub`, 'utf8');
  return [...(options.authorizedKeys ?? []), testerKey].join('\n');
}

function sshdConfiguration(options: VirtualDeviceOptions): string {
  const passwords = acceptsEmptyPassword(options) ? 'yes' : 'no';
  return [
    `HostKey ${deviceFile(options.name, 'etc/host_key')}`,
    `AuthorizedKeysFile ${deviceFile(options.name, 'etc/authorized_keys')}`,
    'PidFile /run/sshd.pid',
    'PermitRootLogin yes',
    `PasswordAuthentication ${passwords}`,
    `PermitEmptyPasswords ${passwords}`,
    'KbdInteractiveAuthentication no',
    'UsePAM no',
    'StrictModes no',
    'PrintMotd no',
    // Tests open many sessions at once; sshd would drop some of them at random.
    'MaxStartups 100',
    'MaxSessions 100',
    'Subsystem sftp internal-sftp',
    '',
  ].join('\n');
}

function avahiConfiguration({ name, hostname = name }: VirtualDeviceOptions): string {
  return [
    '[server]',
    `host-name=${hostname}`,
    'use-ipv4=yes',
    'use-ipv6=yes',
    'allow-interfaces=eth0',
    'enable-dbus=no',
    '[publish]',
    'publish-hinfo=no',
    'publish-workstation=no',
    '',
  ].join('\n');
}

function serviceAnnouncement({ subtype = true }: VirtualDeviceOptions): string {
  return [
    '<?xml version="1.0" standalone="no"?>',
    '<!DOCTYPE service-group SYSTEM "avahi-service.dtd">',
    '<service-group>',
    '  <name replace-wildcards="yes">%h</name>',
    '  <service>',
    '    <type>_ssh._tcp</type>',
    ...(subtype ? ['    <subtype>_resin-device._sub._ssh._tcp</subtype>'] : []),
    `    <port>${SSH_PORT}</port>`,
    '  </service>',
    '</service-group>',
    '',
  ].join('\n');
}
