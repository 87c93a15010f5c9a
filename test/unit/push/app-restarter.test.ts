import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppRestarter } from '../../../src/push/app-restarter.js';
import { ExitCode } from '../../../src/errors.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { type FakeProcess, runUntilKilled } from '../../contract/fake-process.js';

const COMMAND = '/.rdt/init restart';

let engine: FakeEngine;
let id: string;
/** What the supervisor was told. */
let requests: number;
let hasMessenger: boolean;
let endings: (() => void)[];
const lost = new AbortController().signal;

/** The app runs until it is killed; the messenger answers each byte, until its input ends. */
function play({ argv, stdin, stdout, killed }: FakeProcess): Promise<number> | number | undefined {
  if (argv.join(' ') !== COMMAND) return runUntilKilled(killed);
  if (!hasMessenger) return undefined;
  const messenger = new Promise<number>((resolve) => {
    stdin.on('data', (bytes: Buffer) => {
      requests += bytes.length;
      stdout.write(bytes);
    });
    stdin.once('end', () => resolve(0));
    endings.push(() => {
      stdin.removeAllListeners('data');
      resolve(137);
    });
  });
  return Promise.race([messenger, runUntilKilled(killed)]);
}

const starts = (): number => engine.calls.filter((call) => call === `exec ${id} ${COMMAND}`).length;

beforeEach(async () => {
  requests = 0;
  hasMessenger = true;
  endings = [];
  engine = new FakeEngine(play);
  engine.addImage('app', { cmd: ['main'] });
  id = await engine.createContainer('app', { Image: 'app', Labels: {}, HostConfig: {} });
  await engine.startContainer(id);
});
afterEach(() => engine[Symbol.asyncDispose]());

describe('the restarter', () => {
  it('tells the supervisor, each time that it is asked, by one process', async () => {
    using restarter = new AppRestarter(engine, lost);
    for (let times = 1; times <= 3; times++) {
      expect(await restarter.restart(id)).toBe(true);
      expect(requests).toBe(times);
    }
    expect(starts()).toBe(1);
  });

  it('may start that process before it is needed', async () => {
    using restarter = new AppRestarter(engine, lost);
    restarter.prepare(id);
    restarter.prepare(id);
    await restarter.restart(id);
    expect(starts()).toBe(1);
  });

  it('starts another one when the container was restarted', async () => {
    using restarter = new AppRestarter(engine, lost);
    await restarter.restart(id);
    for (const end of endings) end();
    expect(await restarter.restart(id)).toBe(true);
    expect([requests, starts()]).toEqual([2, 2]);
  });

  it('and one in another container when it is asked for that', async () => {
    using restarter = new AppRestarter(engine, lost);
    await restarter.restart(id);
    const other = await engine.createContainer('other', { Image: 'app', Labels: {}, HostConfig: {} });
    await engine.startContainer(other);
    expect(await restarter.restart(other)).toBe(true);
    expect(engine.calls).toContain(`exec ${other} ${COMMAND}`);
  });

  it('says so when the container does not run', async () => {
    using restarter = new AppRestarter(engine, lost);
    await engine.container(id).kill(9, { final: true });
    restarter.prepare(id);
    expect(await restarter.restart(id)).toBe(false);
  });

  it('says so when the program is not there any more', async () => {
    hasMessenger = false;
    using restarter = new AppRestarter(engine, lost);
    expect(await restarter.restart(id)).toBe(false);
    expect(requests).toBe(0);
  });

  it('fails when the container is gone', async () => {
    using restarter = new AppRestarter(engine, lost);
    await engine.removeContainer(id, { removeAnonymousVolumes: true });
    await expect(restarter.restart(id)).rejects.toMatchObject({ status: 404 });
  });

  it('fails when the connection is lost', async () => {
    using restarter = new AppRestarter(engine, lost);
    engine.disconnect();
    await expect(restarter.restart(id)).rejects.toMatchObject({ exitCode: ExitCode.unreachable });
  });
});
