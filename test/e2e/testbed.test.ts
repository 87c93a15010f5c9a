import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createConnection } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandLine } from '../testbed/command-line.js';
import { eventually } from '../testbed/eventually.js';
import { askByMulticast } from '../testbed/multicast-question.js';
import { mustRun, runProgram } from '../testbed/program.js';
import { LINK_PROFILES, VirtualDevice } from '../testbed/virtual-device.js';

/** As `npm run device` and npx do it, without the seconds that npm takes. */
const TSX = [process.execPath, '--import', 'tsx'];
const SSH_OPTIONS = [
  'StrictHostKeyChecking=no',
  'UserKnownHostsFile=/dev/null',
  'ConnectTimeout=3',
  'LogLevel=ERROR',
];
const NO_OTHER_KEY = ['IdentitiesOnly=yes', 'IdentityAgent=none'];

function ssh(address: string, command: readonly string[], identity?: string) {
  const key = identity === undefined ? ['-o', 'IdentityFile=none'] : ['-i', identity];
  const options = [...SSH_OPTIONS, ...NO_OTHER_KEY].flatMap((option) => ['-o', option]);
  return runProgram(['ssh', '-p', '22222', ...options, ...key, `root@${address}`, ...command]);
}

async function ping(address: string, port = 2375, withinMs = 2000): Promise<string> {
  const response = await fetch(`http://${address}:${port}/_ping`, { signal: AbortSignal.timeout(withinMs) });
  return response.text();
}

function connectMs(address: string, port: number): Promise<number> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const socket = createConnection(port, address, () => {
      socket.destroy();
      resolve(performance.now() - started);
    });
    socket.on('error', reject);
  });
}

async function median(measure: () => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let turn = 0; turn < 5; turn++) values.push(await measure());
  return values.sort((a, b) => a - b)[2] ?? Number.NaN;
}

/** The device's number, which is also in the names of its interfaces. */
function numberOf(address: string): string {
  return address.split('.')[3] ?? '';
}

/** Everything on this host that carries a device's name or number. */
async function traces(name: string, index: string): Promise<string[]> {
  const links = await mustRun(['ip', '-brief', 'link']);
  const cgroups = await mustRun(['find', '/sys/fs/cgroup', '-path', `*/rdt-testbed/${name}`]);
  const loops = await mustRun(['losetup', '--noheadings', '--output', 'BACK-FILE']);
  const processes = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((entry) => commandLine(entry).join(' '));
  return [
    ...[...processes, ...loops.split('\n')].filter((line) => line.includes(`/rdt-testbed/${name}/`)),
    ...links
      .split('\n')
      .filter((line) => line.startsWith(`rdt${index}@`) || line.startsWith(`rdtlink${index} `)),
    ...readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .filter((line) => line.includes(`/rdt-testbed/${name}`)),
    ...cgroups.split('\n').filter(Boolean),
    ...[`/tmp/rdt-testbed/${name}`, `/run/netns/rdt-${name}`].filter((path) => existsSync(path)),
  ];
}

describe('a development device', () => {
  let device: VirtualDevice;
  beforeAll(async () => {
    device = await VirtualDevice.up({
      name: 'e2e-dev',
      bridge: 'e2e-dev',
      images: ['busybox', 'node', 'scratch-app'],
    });
  });
  afterAll(() => device.down());

  it('answers with its engine on TCP, IPv4 and IPv6', async () => {
    expect(await ping(device.address)).toBe('OK');
    expect(await ping(`[${device.ipv6}]`)).toBe('OK');
  });

  it('lets root in by ssh without a password', async () => {
    expect(await ssh(device.address, ['hostname'])).toMatchObject({ exitCode: 0, stdout: 'e2e-dev\n' });
    expect(await ssh(device.ipv6LinkLocal, ['hostname'])).toMatchObject({ exitCode: 0, stdout: 'e2e-dev\n' });
  });

  it('shows the host key that it says it has', async () => {
    const scanned = await mustRun(['ssh-keyscan', '-t', 'ed25519', '-p', '22222', device.address]);
    expect(scanned).toContain(device.hostKey);
    const fingerprints = await mustRun(['ssh-keygen', '-lf', '-'], { input: scanned });
    expect(fingerprints).toContain(device.hostKeyFingerprint);
  });

  it.each(['IPv4', 'IPv6'] as const)('is announced by mDNS on %s, by type and by subtype', async (family) => {
    for (const type of ['_ssh._tcp.local', '_resin-device._sub._ssh._tcp.local']) {
      const answer = await askByMulticast(type, device.hostInterface, family);
      expect(answer?.toString('latin1')).toContain('e2e-dev');
    }
  });

  it('has the images that it was asked for', async () => {
    const node = await device.docker('run', '--rm', 'node:20', 'node', '--print', 'process.version');
    expect(node).toMatchObject({ exitCode: 0, stdout: `${process.version}\n` });
    const shell = await device.docker(
      'run',
      '--rm',
      'busybox',
      'sh',
      '-c',
      'ls -d /usr/src/app /tmp; id -un',
    );
    expect(shell.stdout).toBe('/tmp\n/usr/src/app\nroot\n');
    const noShell = await device.docker('run', '--rm', 'scratch-app', 'sh');
    expect(noShell.exitCode).toBe(127);
  });

  it('runs an app without shell that shows a file, and ends at SIGTERM', async () => {
    await device.docker('create', '--name=scratch', 'scratch-app', '/app', 'log', '/usr/src/app/message');
    const archive = await mustRun(['tar', '-cf', '-', '-C', import.meta.dirname, 'testbed.test.ts']);
    const copied = await device.dockerWith({ input: archive }, 'cp', '-', 'scratch:/usr/src/app');
    expect(copied).toMatchObject({ exitCode: 0 });
    await device.docker('start', 'scratch');
    await device.docker('stop', '--time=5', 'scratch');
    expect((await device.docker('wait', 'scratch')).stdout).toBe('0\n');
    expect((await device.docker('logs', 'scratch')).stdout).toContain('no file /usr/src/app/message');
  });

  it('runs a privileged container on the host network with the binds of the original', async () => {
    const binds = [
      '-v',
      '/mnt/data/resin-data/app:/data',
      '-v',
      '/lib/modules:/lib/modules',
      '-v',
      '/run/dbus:/host/run/dbus',
    ];
    const command = ['ip', '-o', 'address'];
    const result = await device.docker(
      'run',
      '--rm',
      '--privileged',
      '--net=host',
      ...binds,
      'busybox',
      ...command,
    );
    expect(result).toMatchObject({ exitCode: 0 });
    expect(result.stdout).toContain(device.address);
    expect(existsSync('/mnt/data/resin-data/app')).toBe(false);
  });

  it('publishes the port of a container', async () => {
    const server = "require('http').createServer((_, answer) => answer.end('hello')).listen(80)";
    const started = await device.docker(
      'run',
      '-d',
      '--name=web',
      '-p',
      '8080:80',
      'node:20',
      'node',
      '-e',
      server,
    );
    expect(started).toMatchObject({ exitCode: 0 });
    const answer = await eventually(() => fetch(`http://${device.address}:8080`).catch(() => undefined), {
      what: 'An answer of the container',
      withinMs: 10_000,
    });
    expect(await answer.text()).toBe('hello');
    await device.docker('rm', '-f', 'web');
  });

  it('builds an image from a folder of this host', async () => {
    const dockerfile = 'FROM busybox\nRUN echo built > /message\nCMD ["cat", "/message"]\n';
    const built = await device.dockerWith({ input: dockerfile }, 'build', '-t', 'built', '-');
    expect(built).toMatchObject({ exitCode: 0 });
    expect((await device.docker('run', '--rm', 'built')).stdout).toBe('built\n');
  });

  it('keeps what is written to its own files away from this host', async () => {
    await device.run([
      'sh',
      '-c',
      'echo device > /etc/only-on-the-device; echo x > /root/only-on-the-device',
    ]);
    expect((await device.run(['cat', '/etc/only-on-the-device'])).stdout).toBe('device\n');
    expect(existsSync('/etc/only-on-the-device')).toBe(false);
    expect(existsSync('/root/only-on-the-device')).toBe(false);
  });

  it.each([{ powerCut: false }, { powerCut: true }])(
    'keeps images and brings containers back over a reboot, %o',
    async (how) => {
      const app = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.2; done'];
      await device.docker(
        'run',
        '-d',
        '--name=app',
        '--restart=always',
        '--net=host',
        '--privileged',
        'busybox',
        ...app,
      );
      const { hostKey } = device;
      await device.reboot(how);
      await eventually(async () => (await device.docker('ps')).stdout.includes('app'), {
        what: 'The app',
        withinMs: 10_000,
      });
      expect((await device.docker('images')).stdout).toContain('scratch-app');
      expect(await ping(device.address)).toBe('OK');
      expect(await ssh(device.address, ['true'])).toMatchObject({ exitCode: 0 });
      expect(device.hostKey).toBe(hostKey);
      await device.docker('rm', '-f', 'app');
    },
  );

  it('is not reached without its cable, and is again with it', async () => {
    await device.unplug();
    await expect(ping(device.address, 2375, 500)).rejects.toThrow();
    expect(await askByMulticast('_ssh._tcp.local', device.hostInterface, 'IPv4', 300)).toBeUndefined();
    expect((await device.docker('info')).exitCode).toBe(0);
    await device.plug();
    expect(await ping(device.address)).toBe('OK');
    const announced = () => askByMulticast('_ssh._tcp.local', device.hostInterface, 'IPv4', 300);
    await eventually(announced, { what: 'The announcement', withinMs: 5000 });
  });

  it('accepts connections and says nothing while its engine is paused', async () => {
    await device.pauseEngine();
    expect(await connectMs(device.address, 2375)).toBeLessThan(1000);
    await expect(ping(device.address, 2375, 300)).rejects.toThrow(/timeout/);
    await device.resumeEngine();
    expect(await ping(device.address)).toBe('OK');
  });

  it('refuses connections while its engine is dead, and answers after a start', async () => {
    await device.killEngine();
    await expect(connectMs(device.address, 2375)).rejects.toThrow('ECONNREFUSED');
    await device.startEngine();
    expect(await ping(device.address)).toBe('OK');
    await device.restartEngine();
    expect(await ping(device.address)).toBe('OK');
  });

  it('refuses ssh while sshd is dead, and lets in after a start', async () => {
    await device.killSsh();
    expect(await ssh(device.address, ['true'])).toMatchObject({ exitCode: 255 });
    await device.startSsh();
    expect(await ssh(device.address, ['true'])).toMatchObject({ exitCode: 0 });
  });

  it('has another host key, no containers and its first images after a reflash', async () => {
    const { hostKey } = device;
    await device.docker('run', '-d', '--name=app', 'busybox', 'sleep', '1000');
    await device.reflash();
    expect(device.hostKey).not.toBe(hostKey);
    expect((await device.docker('ps', '--all', '--quiet')).stdout).toBe('');
    expect((await device.docker('images')).stdout).toContain('scratch-app');
    expect(await ssh(device.address, ['true'])).toMatchObject({ exitCode: 0 });
  });
});

describe('a production device', () => {
  let device: VirtualDevice;
  beforeAll(async () => {
    device = await VirtualDevice.up({
      name: 'e2e-prod',
      bridge: 'e2e-prod',
      production: true,
      engineSocket: '/var/run/balena-engine.sock',
    });
  });
  afterAll(() => device.down());

  it('refuses its engine on TCP', async () => {
    await expect(connectMs(device.address, 2375)).rejects.toThrow('ECONNREFUSED');
  });

  it('refuses ssh without a key, and offers no password', async () => {
    const result = await ssh(device.address, ['true']);
    expect(result.exitCode).toBe(255);
    expect(result.stderr).toContain('Permission denied (publickey)');
  });

  it('lets root in with a key, and has the engine under its later name', async () => {
    const command = ['balena-engine', 'version', '--format', '{{.Server.Os}}'];
    expect(await ssh(device.address, command, device.testerKeyFile)).toMatchObject({
      exitCode: 0,
      stdout: 'linux\n',
    });
    expect(await ssh(device.address, ['docker', 'ps'], device.testerKeyFile)).toMatchObject({
      exitCode: 127,
    });
    const socket = await ssh(
      device.address,
      ['test', '-S', '/var/run/balena-engine.sock'],
      device.testerKeyFile,
    );
    expect(socket).toMatchObject({ exitCode: 0 });
  });

  it('is announced like a development device', async () => {
    const answer = await askByMulticast('_resin-device._sub._ssh._tcp.local', device.hostInterface, 'IPv4');
    expect(answer?.toString('latin1')).toContain('e2e-prod');
  });
});

describe('a slow link', () => {
  it('has the round trip and the rate of its profile, also when that changes, and is cut with the cable', async () => {
    await using device = await VirtualDevice.up({
      name: 'e2e-link',
      announce: false,
      link: LINK_PROFILES.wifi,
    });
    const trip = () => median(() => connectMs(device.linkAddress, 2375));
    expect(await trip()).toBeGreaterThan(20);
    expect(await trip()).toBeLessThan(30);
    expect(await median(() => connectMs(device.address, 2375))).toBeLessThan(10);
    await device.setLink({ roundTripMs: 60, megabitPerSecond: 20 });
    expect(await trip()).toBeGreaterThan(60);

    await device.setLink({ roundTripMs: 2, megabitPerSecond: 20 });
    const started = performance.now();
    const megabyte = await ssh(device.linkAddress, ['head', '-c', '1250000', '/dev/zero']);
    expect(megabyte.stdout).toHaveLength(1_250_000);
    expect(performance.now() - started).toBeGreaterThan(500);

    await device.setLink({ roundTripMs: 2, megabitPerSecond: 20, lossPercent: 100 });
    await expect(ping(device.linkAddress, 2375, 500)).rejects.toThrow(/timeout/);
    await device.setLink(LINK_PROFILES.lan);

    await device.unplug();
    await expect(ping(device.linkAddress, 2375, 500)).rejects.toThrow(/timeout/);
    await device.plug();
    expect(await ping(device.linkAddress)).toBe('OK');

    await device.reboot();
    expect(await ping(device.linkAddress)).toBe('OK');
  });
});

describe('a small disk', () => {
  it('is full when it is filled, and stays the same over a reboot', async () => {
    await using device = await VirtualDevice.up({
      name: 'e2e-disk',
      announce: false,
      diskMegabytes: 64,
      images: ['busybox'],
    });
    await device.fillDisk();
    const write = ['run', '--rm', 'busybox', 'sh', '-c', 'head -c 100000 /dev/zero > /file && sync'];
    const full = await device.docker(...write);
    expect(full.stderr).toMatch(/no space left on device/i);
    await device.freeDisk();
    expect(await device.docker(...write)).toMatchObject({ exitCode: 0 });
    await device.reboot();
    expect((await device.docker('images')).stdout).toContain('busybox');
  });
});

describe('several devices at once', () => {
  it('come up at the same time, reach each other, and may share a hostname on two bridges', async () => {
    const options = { hostname: 'resin', images: [] };
    const first = VirtualDevice.up({ ...options, name: 'e2e-attic', bridge: 'attic' });
    const second = VirtualDevice.up({ ...options, name: 'e2e-cellar', bridge: 'cellar' });
    await using attic = await first;
    await using cellar = await second;
    expect(attic.address).not.toBe(cellar.address);
    for (const device of [attic, cellar]) {
      const answer = await askByMulticast('_ssh._tcp.local', device.hostInterface, 'IPv4');
      expect(answer?.toString('latin1')).toContain('resin');
      expect(answer?.toString('latin1')).not.toContain('resin-2');
      expect(await ping(device.address)).toBe('OK');
    }
    expect(VirtualDevice.list().map(({ name }) => name)).toEqual(
      expect.arrayContaining(['e2e-attic', 'e2e-cellar']),
    );
  });

  it('cannot have one name', async () => {
    await using device = await VirtualDevice.up({ name: 'e2e-one', announce: false });
    await expect(VirtualDevice.up({ name: 'e2e-one' })).rejects.toThrow('"e2e-one" is up already');
    expect(await ping(device.address)).toBe('OK');
  });
});

describe('what remains', () => {
  const script = new URL('../testbed/virtual-device.ts', import.meta.url).href;
  const options = `{ name: 'e2e-crash', link: { roundTripMs: 2, megabitPerSecond: 100 }, diskMegabytes: 64, images: ['busybox'] }`;

  it('of a device that was taken down is nothing', async () => {
    await using device = await VirtualDevice.up({
      name: 'e2e-gone',
      link: LINK_PROFILES.lan,
      diskMegabytes: 64,
      images: ['busybox'],
    });
    const index = numberOf(device.address);
    await device.docker('run', '-d', '--restart=always', 'busybox', 'sleep', '1000');
    expect(await traces('e2e-gone', index)).not.toEqual([]);
    await device.down();
    expect(await traces('e2e-gone', index)).toEqual([]);
    await device.down();
  });

  it('of a crashed run is swept by the next start of any device', async () => {
    const program = `const { VirtualDevice } = await import('${script}');
      const device = await VirtualDevice.up(${options});
      await device.docker('run', '-d', '--restart=always', 'busybox', 'sleep', '1000');
      console.log(device.address);
      process.kill(process.pid, 'SIGKILL');`;
    const crashed = await runProgram([...TSX, '--input-type=module', '--eval', program]);
    const index = numberOf(crashed.stdout.trim());
    expect(await traces('e2e-crash', index)).not.toEqual([]);
    await using next = await VirtualDevice.up({ name: 'e2e-next', announce: false });
    expect(existsSync(next.engineDoor)).toBe(true);
    expect((await traces('e2e-crash', index)).filter((line) => line.includes('e2e-crash'))).toEqual([]);
  });

  it('of a device that does not come up is nothing, and the error shows the end of its log', async () => {
    const wrong = VirtualDevice.up({ name: 'e2e-wrong', announce: false, enginePort: 22222 });
    await expect(wrong).rejects.toThrow(/e2e-wrong[^]*address already in use/);
    expect(await traces('e2e-wrong', 'none')).toEqual([]);
  });
});

describe('npm run device', () => {
  const cli = fileURLToPath(new URL('../testbed/cli.ts', import.meta.url));
  const device = (...words: string[]) => runProgram([...TSX, cli, ...words]);

  it('leaves a device running that a later process finds, and takes it down', async () => {
    const up = await device('up', 'e2e-kitchen', '--images', 'busybox', '--link', 'lan');
    expect(up.stdout).toMatch(/^e2e-kitchen is up at 10\.97\.0\.\d+, slowly at 10\.98\.\d+\.2\n$/);
    expect((await device('list')).stdout).toContain('e2e-kitchen');
    const command = await device('ssh', 'e2e-kitchen', 'hostname;', 'exit', '7');
    expect(command).toMatchObject({ stdout: 'e2e-kitchen\n', exitCode: 7 });
    await VirtualDevice.attach('e2e-kitchen').reboot();
    expect((await device('docker', 'e2e-kitchen', 'images', '-q')).stdout).not.toBe('');
    expect(await device('down', 'e2e-kitchen')).toMatchObject({ exitCode: 0 });
    expect(await device('down', 'e2e-kitchen')).toMatchObject({
      exitCode: 1,
      stderr: 'There is no virtual device "e2e-kitchen".\n',
    });
  });
});
