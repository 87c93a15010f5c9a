import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { CuttingProxy } from './cutting-proxy.js';
import { RandomFolder, randomFrom } from './random-folder.js';
import { WatchedApp, type WatchedEvent } from './watched-app.js';

/** `RDT_WATCH_STEPS=2000` for a long run. */
const STEPS = Number(process.env['RDT_WATCH_STEPS'] ?? 120);
const SEED = Number(process.env['RDT_TEST_SEED'] ?? 20_261_123);
const LONGEST_PAUSE_MS = 120;
const STEPS_BETWEEN_FAULTS = 17;

/**
 * Reads all files again and again; one that is not as long as it says itself, or does not say it, was caught half-written. A `wc` that
 * was killed, as all of a container is, one process after the other, has not found out anything. What was found as a file may be a folder,
 * or a link to one, when it is opened.
 */
const READER = `
while :; do
  find . -name '.rdt-*' -prune -o -type f -exec sh -c '
    for file; do
      {
        if [ ! -f /proc/self/fd/0 ]; then :
        elif read -r mark size; then
          if [ "$mark" = whole ]; then
            found=$(wc -c) || exit
            [ "$found" = "$size" ] || echo "TORN $file: $found of $size"
          fi
        else
          case "$mark" in ""|w|wh*) echo "TORN $file: $mark";; esac
        fi
      } <"$file"
    done' sh {} + 2>/dev/null
  sleep 0.02
done
`;
const FILES = {
  Dockerfile: 'FROM busybox\nWORKDIR /usr/src/app\nCOPY . .\nCMD ["sh", "main.sh"]\n',
  'main.sh': READER,
};

/** Says how long it is. */
function wholeText(random: (below: number) => number): string {
  const body = `${random(1_000_000)}\n`.repeat(1 + random(3_000));
  return `whole ${body.length}\n${body}`;
}

let device: VirtualDevice;

beforeAll(async () => {
  device = await VirtualDevice.up({ name: 'w4-prop', images: ['busybox'] });
});
afterAll(() => device.down());

it(`is in step after ${STEPS} random steps while connections, containers, apps and the device fail at random`, {
  timeout: 60_000 + STEPS * 3_000,
}, async () => {
  await using proxy = await CuttingProxy.open(device.address, device.enginePort);
  await using app = new WatchedApp(device, 'property', FILES, `tcp://127.0.0.1:${proxy.port}`);
  await app.watch('--force');
  const random = randomFrom(SEED);
  const folder = new RandomFolder(app.folder, random, wholeText);
  let faults: Fault[] = [];
  let fault = Promise.resolve();
  for (let step = 1; step <= STEPS; step++) {
    folder.step();
    if (step % STEPS_BETWEEN_FAULTS === 0) {
      await fault;
      if (faults.length === 0) faults = shuffled(faultsOf(app, proxy), random);
      fault = faults.pop()?.() ?? Promise.resolve();
    }
    await delay(random(LONGEST_PAUSE_MS));
  }
  await fault;
  await app.untilInStep(60_000);
  expect(tornIn(app.events)).toEqual([]);
  const { exitCode, stderr } = await app.stop();
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
});

/** What the reader says, each time with what was told before and after. */
const tornIn = (events: readonly WatchedEvent[]): WatchedEvent[][] =>
  events.flatMap(({ type, text }, at) =>
    type === 'output' && String(text).startsWith('TORN') ? [events.slice(Math.max(0, at - 10), at + 5)] : [],
  );

type Fault = () => Promise<void>;

/**
 * What may happen, as many as fit into the default steps. Each resolves when it is over. A pause is not among them: an engine 20.10 that
 * pauses a container just when a program is started in it never unpauses it again.
 */
function faultsOf(app: WatchedApp, proxy: CuttingProxy): readonly Fault[] {
  const cut = (): Promise<void> => {
    proxy.cut();
    return Promise.resolve();
  };
  const docker = async (...args: string[]): Promise<void> => {
    await device.docker(...args, app.name);
  };
  const crash = async (): Promise<void> => {
    const { stdout } = await device.docker('inspect', '--format', '{{.State.Pid}}', app.name);
    // 0 while it does not run.
    if (Number(stdout) > 0) await device.run(['kill', '-KILL', stdout.trim()]);
  };
  return [
    cut,
    cut,
    crash,
    () => docker('restart', '--time', '0'),
    () => docker('kill', '--signal', 'KILL'),
    () => device.restartEngine(),
    () => device.reboot({ powerCut: true }),
  ];
}

function shuffled<T>(items: readonly T[], random: (below: number) => number): T[] {
  const left = [...items];
  return items.flatMap(() => left.splice(random(left.length), 1));
}
