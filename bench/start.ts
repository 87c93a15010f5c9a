import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { VirtualDevice } from '../test/testbed/virtual-device.js';
import { median, table } from './statistics.js';

const BIN = fileURLToPath(new URL('../bin/rdt.js', import.meta.url));
/** Processes are short: many of them, for few rounds. */
const RUNS_PER_ROUND = 5;
const TARGETS = { helpOverNode: 100, firstDevice: 400 };
const NAME = 'bench-start';

/** How soon a cold `rdt` says something: its help beside an empty `node`, and the first of the devices on the network. */
export async function benchStart(rounds: number): Promise<void> {
  await using device = await VirtualDevice.up({ name: NAME });
  const samples = { node: [] as number[], help: [] as number[], scan: [] as number[] };
  for (let run = 0; run < rounds * RUNS_PER_ROUND; run++) {
    samples.node.push(commandMs(['-e', '0']));
    samples.help.push(commandMs([BIN, '--help']));
    samples.scan.push(await firstDeviceMs(device.hostname));
  }
  report(median(samples.help) - median(samples.node), samples);
}

function commandMs(argv: readonly string[]): number {
  const startMs = performance.now();
  const { status } = spawnSync(process.execPath, argv, { stdio: 'ignore' });
  if (status !== 0) throw new Error(`node ${argv.join(' ')} ended with ${status}`);
  return performance.now() - startMs;
}

async function firstDeviceMs(name: string): Promise<number> {
  const startMs = performance.now();
  const child = spawn(process.execPath, [BIN, 'scan', '--timeout', '1'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  let shownMs = Number.NaN;
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (Number.isNaN(shownMs) && text.includes(name)) shownMs = performance.now() - startMs;
  });
  await once(child, 'close');
  if (Number.isNaN(shownMs)) throw new Error(`the scan has not found ${name}:\n${text}`);
  return shownMs;
}

function report(
  helpOverNode: number,
  samples: { readonly node: number[]; readonly help: number[]; readonly scan: number[] },
): void {
  const firstDevice = median(samples.scan);
  const ms = (value: number) => `${value.toFixed(0)} ms`;
  const rows = [
    ['', 'median', 'target'],
    ['node -e 0', ms(median(samples.node)), ''],
    ['rdt --help', ms(median(samples.help)), ''],
    ['  over node -e 0', ms(helpOverNode), ms(TARGETS.helpOverNode)],
    ['rdt scan, first device shown', ms(firstDevice), ms(TARGETS.firstDevice)],
  ];
  process.stdout.write(`${table(rows)}\n`);
  if (helpOverNode > TARGETS.helpOverNode || firstDevice > TARGETS.firstDevice) process.exitCode = 1;
}
