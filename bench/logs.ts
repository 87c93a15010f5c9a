import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { VirtualDevice } from '../test/testbed/virtual-device.js';
import { median } from './statistics.js';

const BIN = fileURLToPath(new URL('../bin/rdt.js', import.meta.url));
const LINES = 1_000_000;
const LINE_BYTES = 100;
/** `%08d` and a space before, a line feed behind. */
const FILLER = 'x'.repeat(LINE_BYTES - 10);
const PRINT = `awk 'BEGIN { for (i = 1; i <= ${LINES}; i++) printf "%08d ${FILLER}\\n", i }'`;
const LONGEST_RATIO = 1.5;
const MOST_MEGABYTES = 150;
const SAMPLE_MS = 50;

interface Sample {
  readonly seconds: number;
  readonly megabytes: number;
}

/** The log of a million lines of 100 bytes, read by `docker logs` and by `rdt logs` in turn from the same engine. */
export async function benchLogs(rounds: number): Promise<void> {
  await using device = await VirtualDevice.up({ name: 'bench-logs', images: ['busybox'], announce: false });
  await device.docker('run', '-d', '--name', 'million', 'busybox', 'sh', '-c', PRINT);
  await device.docker('wait', 'million');
  const docker = ['docker', '--host', `tcp://${device.address}:${device.enginePort}`, 'logs', 'million'];
  const rdt = [process.execPath, BIN, 'logs', device.address, '--app-name', 'million'];
  const samples = { docker: [] as Sample[], rdt: [] as Sample[] };
  for (let round = 0; round < rounds; round++) {
    samples.docker.push(await read(docker));
    samples.rdt.push(await read(rdt));
  }
  report(samples.docker, samples.rdt);
}

async function read([program = '', ...args]: readonly string[]): Promise<Sample> {
  const startMs = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let megabytes = 0;
  let bytes = 0;
  const timer = setInterval(() => (megabytes = Math.max(megabytes, peakMegabytes(child.pid))), SAMPLE_MS);
  child.stdout.on('data', (chunk: Buffer) => (bytes += chunk.length));
  const [code] = (await once(child, 'close')) as [number];
  clearInterval(timer);
  if (code !== 0 || bytes !== LINES * LINE_BYTES)
    throw new Error(`${program}: ${bytes} bytes, exit code ${code}`);
  return { seconds: (performance.now() - startMs) / 1_000, megabytes };
}

/** The kernel's own high-water mark; 0 when the process has just ended. */
function peakMegabytes(pid: number | undefined): number {
  try {
    const [, kilobytes = '0'] =
      /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8')) ?? [];
    return Number(kilobytes) / 1_024;
  } catch {
    return 0;
  }
}

function report(docker: readonly Sample[], rdt: readonly Sample[]): void {
  const seconds = (samples: readonly Sample[]) => median(samples.map((sample) => sample.seconds));
  const ratio = seconds(rdt) / seconds(docker);
  const megabytes = Math.max(...rdt.map((sample) => sample.megabytes));
  process.stdout.write(
    `${LINES.toLocaleString('en')} lines of ${LINE_BYTES} bytes\n` +
      `docker logs  ${seconds(docker).toFixed(2)} s\n` +
      `rdt logs     ${seconds(rdt).toFixed(2)} s  ${ratio.toFixed(2)} times (at most ${LONGEST_RATIO}), ` +
      `${megabytes.toFixed(0)} MB (at most ${MOST_MEGABYTES})\n`,
  );
  if (ratio > LONGEST_RATIO || megabytes > MOST_MEGABYTES) process.exitCode = 1;
}
