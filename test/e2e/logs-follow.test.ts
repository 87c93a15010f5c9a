import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../testbed/eventually.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { PushedApp } from './pushed-app.js';
import { Rdt, type RunningRdt } from './rdt.js';

const LINES = 100_000;
const NUMBER = (line: number): string => `line ${String(line).padStart(6, '0')}\n`;
/** Prints whole pieces of 1,000 lines, each once: a stop is heard between two of them, and the next run goes on behind it. */
const COUNTING = `
stop=; trap 'stop=1' TERM
n=$(cat /n 2>/dev/null || echo 0)
while [ "$n" -lt ${LINES} ] && [ -z "$stop" ]; do
  awk -v n="$n" 'BEGIN { for (i = 1; i <= 1000; i++) printf "line %06d\\n", n + i }'
  n=$((n + 1000)); echo "$n" > /n
  sleep 0.1
done
while [ -z "$stop" ]; do sleep 0.1; done`;
const LOST = 'lost the connection';

/** The cable is out only until TCP sends again, or long enough that the connection is given up (15 s at most). */
const OUTAGES: readonly ((logs: RunningRdt) => Promise<unknown>)[] = [
  () => delay(1_000),
  (logs: RunningRdt) => untilLost(logs),
  () => delay(3_000),
];

const untilLost = (logs: RunningRdt): Promise<unknown> =>
  eventually(() => Promise.resolve(logs.stderr.includes(LOST)), { what: 'the loss', withinMs: 30_000 });

const seen = (logs: RunningRdt, line: number): Promise<unknown> =>
  eventually(() => Promise.resolve(logs.stdout.includes(NUMBER(line).trimEnd())), {
    what: `line ${line}`,
    withinMs: 100_000,
  });

const expectAll = (stdout: string, first: number, last: number, stderr: string): void => {
  const expected = Array.from({ length: last - first + 1 }, (_, i) => NUMBER(first + i)).join('');
  expect(stdout === expected, stderr).toBe(true);
};

describe.concurrent('through outages of the network', () => {
  it.each([
    { kind: 'development, over TCP', name: 'logs-tcp', production: false },
    { kind: 'production, through ssh', name: 'logs-ssh', production: true },
  ])(
    'of a device in $kind, and 5 restarts, 100,000 lines arrive once each',
    async ({ name, production }) => {
      await using device = await VirtualDevice.up({ name, production, images: ['busybox'], announce: false });
      using rdt = new Rdt();
      await device.docker('run', '-d', '--name', 'counter', 'busybox', 'sh', '-c', COUNTING);
      const args = ['logs', device.address, '-f', '--tail', 'all', '-a', 'counter'];
      const logs = rdt.start([...args, '--identity', device.testerKeyFile]);
      await seen(logs, 1_000);
      for (const [round, outage] of OUTAGES.entries()) {
        await device.unplug();
        if (round === 1) await device.docker('restart', 'counter');
        await outage(logs);
        await device.plug();
        await device.docker('restart', 'counter');
        await seen(logs, 20_000 * (round + 1));
      }
      await device.docker('restart', 'counter');
      await seen(logs, LINES);
      logs.kill('SIGINT');
      const { exitCode, stdout, stderr } = await logs.ended();
      expectAll(stdout, 1, LINES, stderr);
      expect(exitCode, stderr).toBe(0);
      expect(stderr).toContain(LOST);
    },
    300_000,
  );

  it('an app that was pushed is followed on, each line once', async () => {
    await using device = await VirtualDevice.up({ name: 'logs-push', images: ['busybox'], announce: false });
    using app = new PushedApp(device, 'counter', {
      Dockerfile: 'FROM busybox\nCOPY . .\nCMD ["sh", "main.sh"]\n',
      'main.sh': COUNTING,
    });
    const push = app.rdt.start(['push', device.address, '--app-name', app.name], { cwd: app.folder });
    await push.until(/line \d+/);
    await device.unplug();
    await untilLost(push);
    await device.plug();
    await seen(push, 60_000);
    push.kill('SIGINT');
    const { exitCode, stdout, stderr } = await push.ended();
    expect(exitCode, stderr).toBe(0);
    // The container has a terminal, as all that are pushed. A push may start its app more than once, and shows the last run.
    const lines = stdout.replaceAll('\r', '');
    const numbers = [...lines.matchAll(/line (\d+)/g)].map(([, number]) => Number(number));
    expectAll(lines, numbers[0] ?? 0, numbers.at(-1) ?? 0, stderr);
    expect(stderr.split(LOST)).toHaveLength(2);
  }, 300_000);
});
