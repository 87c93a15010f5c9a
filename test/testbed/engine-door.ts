import { request } from 'node:http';
import { deviceFile } from './device-record.js';
import { logTail, pidsOf } from './device-processes.js';
import { engineDoor } from './device-services.js';
import { eventually } from './eventually.js';
import { dockerClient } from './other-engine.js';
import { type ProgramOptions, type ProgramResult, runProgram } from './program.js';
import { TestbedError } from './testbed-error.js';

const STARTS_WITHIN_MS = 30_000;
/** The shell that starts dockerd is the process for a moment; later a missing dockerd has ended. */
const PROCESS_SHOWS_WITHIN_MS = 1000;

/** Returns when the engine answers. Throws with the end of its log when it has ended, or does not answer in time. */
export async function waitForEngine(name: string, signal?: AbortSignal): Promise<void> {
  const started = performance.now();
  await eventually(
    async () => {
      if (await engineAnswers(name)) return true;
      const hadTime = performance.now() - started > PROCESS_SHOWS_WITHIN_MS;
      if (hadTime && (await pidsOf(name, 'dockerd')).length === 0) throw engineEnded(name);
      return false;
    },
    {
      what: `An answer of the engine of ${name}`,
      withinMs: STARTS_WITHIN_MS,
      explain: () => engineLogTail(name),
      ...(signal === undefined ? {} : { signal }),
    },
  );
}

/** Runs the docker client against this engine, through a socket that no cable and no TCP setting can take away. */
export function runDocker(
  name: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  const env = {
    PATH: process.env['PATH'],
    HOME: deviceFile(name),
    DOCKER_CONFIG: deviceFile(name, 'docker-client'),
  };
  return runProgram([dockerClient(), '--host', `unix://${engineDoor(name)}`, ...args], { env, ...options });
}

function engineLogTail(name: string): string {
  return `The end of dockerd's log:\n${logTail(deviceFile(name, 'log/dockerd.log'))}`;
}

function engineAnswers(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const ping = request({ socketPath: engineDoor(name), path: '/_ping', timeout: 1000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    ping.on('timeout', () => ping.destroy());
    ping.on('error', () => resolve(false));
    ping.on('close', () => resolve(false));
    ping.end();
  });
}

function engineEnded(name: string): TestbedError {
  return new TestbedError(`The engine of ${name} ended. ${engineLogTail(name)}`);
}
