import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type DeviceRecord,
  type ProcessIdentity,
  deviceFile,
  deviceFolder,
  identify,
  isMissing,
} from './device-record.js';
import { eventually } from './eventually.js';
import { DEFAULT_ENGINE_SOCKET } from './virtual-device-options.js';
import { devicePids, networkOf } from './host-network.js';
import { otherEngine } from './other-engine.js';
import { mustRun } from './program.js';
import { TestbedError } from './testbed-error.js';
import { thaw } from './thaw.js';

const INIT_SCRIPT = fileURLToPath(new URL('device-init.sh', import.meta.url));
const RUNC_SCRIPT = fileURLToPath(new URL('device-runc.sh', import.meta.url));
/** What programs inside the device get; nothing else of the tester's environment. */
export const DEVICE_ENV = {
  PATH: ['/usr/local/sbin', ...otherEngine, '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'].join(':'),
  HOME: '/root',
};
/** Constant text: the log's path and the program's words come as arguments. */
const START_IN_BACKGROUND = 'log=$1; shift; "$@" >> "$log" 2>&1 < /dev/null &';

/** Switches the device on: its own root, host name and processes. Returns its PID 1. */
export async function bootInit(record: DeviceRecord): Promise<ProcessIdentity> {
  const { name, hostname = name, engineSocket = DEFAULT_ENGINE_SOCKET } = record.options;
  const { namespaceFile } = networkOf(record);
  const unshare = ['unshare', '--mount', '--uts', '--pid', '--fork', '--mount-proc'];
  const init = ['sh', INIT_SCRIPT, deviceFolder(name), hostname, basename(engineSocket), RUNC_SCRIPT];
  // Not `ip netns exec`: that mounts a new /sys without the cgroup hierarchies, and dockerd ends at once.
  await startDetached(
    ['nsenter', `--net=${namespaceFile}`, ...unshare, ...init],
    deviceFile(name, 'log/init.log'),
  );
  return identify(await findInit(name));
}

/**
 * Starts a program of the host that goes on when we end, its errors in `logFile`. Resolves when it prints its first line.
 * @throws TestbedError with the end of the log when the program ends before.
 */
export async function startDetached(argv: readonly string[], logFile: string): Promise<void> {
  const [file = '', ...args] = argv;
  const log = openSync(logFile, 'a');
  const child = spawn(file, args, { detached: true, stdio: ['ignore', 'pipe', log] });
  closeSync(log);
  const { stdout } = child;
  if (stdout === null) throw new Error('stdout is a pipe, by the options above');
  const speaks = once(stdout, 'data').then(() => true);
  const ended = once(child, 'exit').then(() => false);
  if (!(await Promise.race([speaks, ended]))) {
    throw new TestbedError(`${argv.join(' ')} ended at once:\n${logTail(logFile)}`);
  }
  stdout.destroy();
  child.unref();
}

async function findInit(name: string): Promise<number> {
  for (const pid of await devicePids(name)) {
    // Two numbers: ours, and 1 in the device. The PID 1 of a container has three.
    const numbers = namespacePids(pid);
    if (numbers.length === 2 && numbers[1] === '1') return pid;
  }
  throw new TestbedError(`${name} has no PID 1:\n${logTail(deviceFile(name, 'log/init.log'))}`);
}

/** The words that run `argv` inside all namespaces of the device. */
export function insideDevice(record: DeviceRecord, argv: readonly string[]): string[] {
  if (record.init === undefined) throw new TestbedError(`${record.options.name} is switched off.`);
  return [
    'nsenter',
    '--target',
    String(record.init.pid),
    '--mount',
    '--uts',
    '--net',
    '--pid',
    '--',
    ...argv,
  ];
}

/** Starts a program in the device that goes on when we end, child of the device's PID 1; its output goes to log/LOG. */
export async function startDaemon(record: DeviceRecord, log: string, argv: readonly string[]): Promise<void> {
  const file = deviceFile(record.options.name, 'log', log);
  await mustRun(insideDevice(record, ['sh', '-c', START_IN_BACKGROUND, 'sh', file, ...argv]), {
    env: DEVICE_ENV,
  });
}

/** The host's numbers of the device's processes with this program name that are not inside a container. */
export async function pidsOf(name: string, program: string): Promise<number[]> {
  const pids = await devicePids(name);
  return pids.filter((pid) => namespacePids(pid).length === 2 && programName(pid) === program);
}

/** Kills everything in the device at once, as pulling the plug does. Returns when nothing is left. */
export async function killAll(name: string): Promise<void> {
  await eventually(
    async () => {
      const pids = await devicePids(name);
      for (const pid of pids) sendSignal(pid, 'SIGKILL');
      if (pids.length > 0) thaw(name);
      return pids.length === 0;
    },
    { what: `The end of all processes of ${name}`, withinMs: 10_000, everyMs: 5 },
  );
}

/** True when the process was there to get it. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** The last lines of a log, or a word that says why there are none. */
export function logTail(file: string, lines = 25): string {
  if (!existsSync(file)) return `(${file} does not exist)`;
  const text = readFileSync(file, 'utf8').trimEnd();
  return text === '' ? `(${file} is empty)` : text.split('\n').slice(-lines).join('\n');
}

function namespacePids(pid: number): string[] {
  const line = /^NSpid:\s*(.*)$/m.exec(procFile(pid, 'status'));
  return line?.[1]?.split(/\s+/) ?? [];
}

function programName(pid: number): string {
  return procFile(pid, 'comm').trim();
}

function procFile(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    if (isMissing(error)) return '';
    throw error;
  }
}
