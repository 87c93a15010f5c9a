// `npm run demo`: what rdt is for, on a virtual device, in under a minute.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VirtualDevice } from '../test/testbed/virtual-device.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const rdt = join(root, 'bin', 'rdt.js');
const LOG_LINES = 2;

const say = (text: string): void => console.log(`\n\u2014 ${text}`);

/** Runs rdt as a person would, with its output on this terminal. @returns wall-clock milliseconds. */
async function run(args: readonly string[], cwd: string): Promise<number> {
  console.log(`$ rdt ${args.join(' ')}`);
  const start = performance.now();
  const child = spawn(process.execPath, [rdt, ...args], { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`rdt ${args.join(' ')} ended with ${code}`);
  return performance.now() - start;
}

/** Follows the app's output as `rdt push` does without --skip-logs, and presses Ctrl-C after some lines. */
async function watchLogs(device: string, cwd: string, expected: RegExp): Promise<void> {
  console.log(`$ rdt push ${device}`);
  const child = spawn(process.execPath, [rdt, 'push', device], { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  let lines = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    process.stdout.write(chunk);
    text += chunk.toString();
    lines = text.split('\n').length - 1;
    if (lines >= LOG_LINES && expected.test(text)) child.kill('SIGINT');
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`the app's output could not be shown (exit code ${code})`);
}

const project = mkdtempSync(join(tmpdir(), 'rdt-demo-'));
process.env['RDT_STATE_DIR'] = join(project, '.state');
const hello = join(project, 'hello');
cpSync(join(root, 'examples', 'hello'), hello, { recursive: true });
try {
  say('a virtual device with a real engine, sshd and mDNS responder');
  await using device = await VirtualDevice.up({ name: 'demo', images: ['busybox'] });
  say('which devices are there?');
  await run(['scan', '--timeout', '1'], hello);
  say('the first push builds the project on the device');
  const first = await run(['push', device.address, '--skip-logs'], hello);
  await watchLogs(device.address, hello, /Hello from/);
  say('a file is edited, and the second push brings only that file');
  writeFileSync(join(hello, 'greeting.txt'), 'Hello again\n');
  const second = await run(['push', device.address, '--skip-logs'], hello);
  await watchLogs(device.address, hello, /Hello again from/);
  say(
    `first push ${(first / 1000).toFixed(1)} s, second push ${(second / 1000).toFixed(1)} s; the device goes down`,
  );
} finally {
  rmSync(project, { recursive: true, force: true });
}
