import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { Rdt } from './rdt.js';

/** systemd's own journald, as the devices run it: its journal is in memory, and gone with a reboot. */
const JOURNALD = `
mkdir -p /run/systemd/journal /run/log/journal /etc/systemd
printf '[Journal]\\nStorage=volatile\\nReadKMsg=no\\nAudit=no\\nForwardToSyslog=no\\nRateLimitBurst=0\\n' > /etc/systemd/journald.conf
setsid /lib/systemd/systemd-journald > /run/journald.log 2>&1 < /dev/null &
until [ -S /run/systemd/journal/socket ]; do sleep 0.05; done`;
const PRINT = 'echo one; echo two >&2; head -c 50000 /dev/zero | tr "\\0" x; printf "ü\\n"';

interface Row {
  readonly app: string;
  readonly stream: string;
  readonly time: string;
  readonly text: string;
}

let device: VirtualDevice;
const rdt = new Rdt();

beforeAll(async () => {
  device = await VirtualDevice.up({ name: 'logs-journal', images: ['busybox'], announce: false });
});
afterAll(async () => {
  rdt[Symbol.dispose]();
  await device.down();
});

async function startJournal(): Promise<void> {
  const { exitCode, stderr } = await device.run(['sh', '-c', JOURNALD]);
  expect(exitCode, stderr).toBe(0);
}

/** An entry of the device itself. */
async function note(text: string): Promise<void> {
  const { exitCode, stderr } = await device.run(['systemd-cat', '-t', 'sensor', 'echo', text]);
  expect(exitCode, stderr).toBe(0);
}

async function rows(...args: string[]): Promise<Row[]> {
  const { stdout, stderr, exitCode } = await rdt.run(['logs', device.address, '--json', ...args]);
  expect(exitCode, stderr).toBe(0);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Row);
}

it('says in a clear line that a device has no journalctl', async () => {
  const program = '/usr/bin/journalctl';
  await device.run(['mv', program, `${program}.away`]);
  const { stderr, exitCode } = await rdt.run(['logs', device.address, '--host']);
  expect(exitCode).toBe(1);
  expect(stderr).toContain('has no journalctl, so there is no journal to show.');
  await device.run(['mv', `${program}.away`, program]);
});

describe('on a device whose engine logs to the journal', () => {
  beforeAll(async () => {
    await startJournal();
    const run = (name: string, ...flags: string[]) =>
      device.docker(
        'run',
        '-d',
        '--log-driver',
        'journald',
        ...flags,
        '--name',
        name,
        'busybox',
        'sh',
        '-c',
        PRINT,
      );
    await run('web');
    await run('screen', '-t');
    await device.docker('wait', 'web', 'screen');
  });

  it.each([
    ['web', 'stderr'],
    ['screen', 'stdout'],
  ])('the log of %s has whole lines, each of its own output', async (app, second) => {
    const found = await rows('-a', app);
    const texts = found.map(({ stream, text }) => `${stream} ${text}`);
    expect(texts).toHaveLength(3);
    expect(texts).toEqual(
      expect.arrayContaining(['stdout one', `${second} two`, `stdout ${'x'.repeat(50_000)}ü`]),
    );
  });

  it('a log is followed through restarts with each line once', async () => {
    const script =
      'n=$(cat /n 2>/dev/null || echo 0); i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo line $((n+i)); done; echo $((n+500)) > /n; exec sleep 1000';
    const args = ['-d', '--log-driver', 'journald', '--name', 'count', 'busybox', 'sh', '-c', script];
    await device.docker('run', ...args);
    const following = rdt.start(['logs', device.address, '-f', '-a', 'count', '--tail', 'all']);
    for (const last of [500, 1_000, 1_500]) {
      await following.until(new RegExp(`^line ${last}$`, 'm'));
      await device.docker('restart', '--time', '0', 'count');
    }
    await following.until(/^line 2000$/m);
    following.kill('SIGINT');
    const { stdout, exitCode } = await following.ended();
    expect(exitCode).toBe(0);
    expect(stdout).toBe(Array.from({ length: 2_000 }, (_, index) => `line ${index + 1}\n`).join(''));
  });

  it('its journal is shown with time and unit, containers by their names', async () => {
    await note('warm');
    const found = await rows('--host', '--since', '10m');
    const sensor = found.find(({ app }) => app === 'sensor');
    expect(sensor).toMatchObject({ stream: 'journal', text: 'warm' });
    expect(sensor?.time).toMatch(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{6}000Z$/);
    expect(found).toContainEqual(expect.objectContaining({ app: 'web', text: 'one' }));
    expect(await rows('--host', '--grep', '^warm$')).toHaveLength(1);
    expect(await rows('--host', '--tail', '1')).toHaveLength(1);
    expect(await rows('--host', '--until', '1h')).toEqual([]);
  });

  it('its journal is followed through a reboot, after which it is another one, with each entry once', async () => {
    const following = rdt.start(['logs', device.address, '--host', '-f', '--tail', '0', '--grep', '^number']);
    // What there is before it follows is not shown, and nothing tells when it does.
    await expect
      .poll(
        async () => {
          await note('number 0');
          return following.stdout.includes('number 0');
        },
        { timeout: 10_000 },
      )
      .toBe(true);
    for (const number of [1, 2, 3]) await note(`number ${number}`);
    await following.until(/number 3/);
    await device.killSsh();
    await note('number 4');
    await device.startSsh();
    await following.until(/number 4/);
    await device.reboot();
    await startJournal();
    for (const number of [5, 6]) await note(`number ${number}`);
    await following.until(/number 6/);
    following.kill('SIGINT');
    const { stdout, stderr, exitCode } = await following.ended();
    expect(exitCode).toBe(0);
    const numbers = [...stdout.matchAll(/number (\d)\n/g)].map(([, number]) => number);
    expect(numbers.filter((number) => number !== '0')).toEqual(['1', '2', '3', '4', '5', '6']);
    expect(stderr.match(/lost the connection/g)).toHaveLength(2);
  });
});
