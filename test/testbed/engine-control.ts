import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { readRecord } from './device-record.js';
import { DEVICE_ENV, insideDevice, pidsOf, sendSignal, startDaemon } from './device-processes.js';
import { dockerdCommand, engineDoor } from './device-services.js';
import { waitForEngine } from './engine-door.js';
import { eventually } from './eventually.js';
import { mustRun } from './program.js';

const DOCKERD = 'dockerd';
/** Containers get up to 10 s each to end, all at the same time. */
const STOPS_WITHIN_MS = 20_000;
/** No tester wants to wait for a container that ignores SIGTERM. */
const POWER_GOES_AFTER_MS = 3000;
/** What a killed engine leaves and the next one would take for a living one. */
const STALE_FILES = ['/run/docker.pid', '/run/docker/containerd/containerd.pid'];

/** Resolves when the engine answers. */
export async function startEngine(name: string, signal?: AbortSignal): Promise<void> {
  const record = readRecord(name);
  rmSync(engineDoor(name), { force: true });
  await mustRun(insideDevice(record, ['rm', '-f', ...STALE_FILES]), { env: DEVICE_ENV });
  await startDaemon(record, 'dockerd.log', dockerdCommand(record.options));
  await waitForEngine(name, signal);
}

/** Ends the engine and its containers in order. */
export async function stopEngine(name: string): Promise<void> {
  await signalEngine(name, 'SIGTERM');
  await untilEnded(name, DOCKERD);
}

/** Gives the engine the time that a shutdown gives it. */
export async function letEngineStop(name: string): Promise<void> {
  await signalEngine(name, 'SIGTERM');
  const powerGoesAt = performance.now() + POWER_GOES_AFTER_MS;
  await eventually(
    async () => performance.now() > powerGoesAt || (await pidsOf(name, DOCKERD)).length === 0,
    {
      what: `The end of dockerd of ${name}`,
      withinMs: 2 * POWER_GOES_AFTER_MS,
    },
  );
}

/** Ends only the engine: containers go on. */
export async function killEngine(name: string): Promise<void> {
  await killProgram(name, DOCKERD);
}

/** Resolves when every thread of the engine stands still: the signal alone takes its time, in which a thread may still answer. */
export async function pauseEngine(name: string): Promise<void> {
  await signalEngine(name, 'SIGSTOP');
  await eventually(async () => (await pidsOf(name, DOCKERD)).every(isStopped), {
    what: `The standstill of dockerd of ${name}`,
    withinMs: 5000,
    everyMs: 5,
  });
}

/** proc(5): the state follows the name, which is in parentheses and may hold any character. */
function isStopped(pid: number): boolean {
  const threads = readdirSync(`/proc/${pid}/task`);
  const states = threads.map(
    (thread) => readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8').replace(/^.*\) /s, '')[0],
  );
  return states.every((state) => state === 'T');
}

export async function signalEngine(name: string, signal: NodeJS.Signals): Promise<void> {
  for (const pid of await pidsOf(name, DOCKERD)) sendSignal(pid, signal);
}

export async function killProgram(name: string, program: string): Promise<void> {
  const pids = await pidsOf(name, program);
  for (const pid of pids) sendSignal(pid, 'SIGKILL');
  await untilEnded(name, program);
  // The first thread of a program may have ended before the last one that keeps its sockets open.
  await eventually(() => pids.every(hasNoThreads), {
    what: `The end of all threads of ${program} of ${name}`,
    withinMs: STOPS_WITHIN_MS,
    everyMs: 5,
  });
}

/** At most its first thread is left, which waits to be buried. */
function hasNoThreads(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).length <= 1;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return true;
    throw error;
  }
}

async function untilEnded(name: string, program: string): Promise<void> {
  await eventually(async () => (await pidsOf(name, program)).length === 0, {
    what: `The end of ${program} of ${name}`,
    withinMs: STOPS_WITHIN_MS,
  });
}
