import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { BIN, type Rdt } from './rdt.js';

/** Runs rdt with an input; answers all bytes of its output. */
export async function pipe(
  rdt: Rdt,
  args: readonly string[],
  input: Buffer,
): Promise<{ output: Buffer; exitCode: number }> {
  const env = { ...process.env, HOME: rdt.home, XDG_STATE_HOME: '', SSH_AUTH_SOCK: '' };
  const child = spawn(process.execPath, [BIN, ...args], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close') as Promise<[number]>;
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const output = await buffer(child.stdout);
  const [exitCode] = await ended;
  return { output, exitCode };
}
