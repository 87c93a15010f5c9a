import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../testbed/eventually.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { Rdt } from './rdt.js';

const LINES = 100_000;
/** Prints whole pieces of 500 lines, each once: a stop is heard between two of them, and the next run goes on behind it. */
const COUNTING = `
stop=; trap 'stop=1' TERM
n=$(cat /n 2>/dev/null || echo 0)
while [ "$n" -lt ${LINES} ] && [ -z "$stop" ]; do
  awk -v n="$n" 'BEGIN { for (i = 1; i <= 500; i++) printf "line %06d\\n", n + i }'
  n=$((n + 500)); echo "$n" > /n
  sleep 0.1
done
while [ -z "$stop" ]; do sleep 0.1; done`;

/** The cable is out long enough that the connection is given up (15 s), or only until TCP sends again. */
const OUTAGES_MS = [1_000, 20_000, 3_000];

describe.each([
  { kind: 'development, over TCP', name: 'logs-tcp', production: false },
  { kind: 'production, through ssh', name: 'logs-ssh', production: true },
])('a device in $kind', ({ name, production }) => {
  it('100,000 lines arrive once each, through 5 restarts and 3 outages', async () => {
    await using device = await VirtualDevice.up({ name, production, images: ['busybox'], announce: false });
    using rdt = new Rdt();
    await device.docker('run', '-d', '--name', 'counter', 'busybox', 'sh', '-c', COUNTING);
    const args = ['logs', device.address, '-f', '--tail', 'all', '-a', 'counter'];
    const logs = rdt.start([...args, '--identity', device.testerKeyFile]);
    const seen = (line: number) =>
      eventually(() => Promise.resolve(logs.stdout.includes(`line ${String(line).padStart(6, '0')}\n`)), {
        what: `line ${line}`,
        withinMs: 100_000,
      });
    await seen(1_000);
    for (const [round, outageMs] of OUTAGES_MS.entries()) {
      await device.unplug();
      if (round === 1) await device.docker('restart', 'counter');
      await delay(outageMs);
      await device.plug();
      await device.docker('restart', 'counter');
      await seen(20_000 * (round + 1));
    }
    await device.docker('restart', 'counter');
    await seen(LINES);
    logs.kill('SIGINT');
    const { exitCode, stdout, stderr } = await logs.ended();
    const expected = Array.from({ length: LINES }, (_, i) => `line ${String(i + 1).padStart(6, '0')}\n`).join(
      '',
    );
    expect(stdout === expected, stderr).toBe(true);
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain('lost the connection');
  }, 300_000);
});
