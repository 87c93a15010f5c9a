// Finds one device as every command does, and prints what came of it as one line of JSON.
// tsx find-device-program.ts [target]
import { systemClock } from '../../../src/system-clock.js';
import { RdtError } from '../../../src/errors.js';
import { wireDiscovery } from '../../../src/wiring/discovery.js';

const { env, platform, stdin, stdout, stderr } = process;
const discovery = wireDiscovery({
  env,
  platform,
  stdin,
  stdout,
  stderr,
  cwd: process.cwd(),
  signal: new AbortController().signal,
  clock: systemClock,
});

const startedMs = performance.now();
const outcome = await discovery
  .findDevice(process.argv[2], () => undefined, new AbortController().signal)
  .catch((error: unknown) => {
    if (error instanceof RdtError)
      return { exitCode: error.exitCode, message: error.message, hint: error.hint };
    throw error;
  });
console.log(JSON.stringify({ ...outcome, durationMs: performance.now() - startedMs }));
