import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { previousName } from '../../src/push/labels.js';
import { eventually } from '../testbed/eventually.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { type AppState, LOOP, PushedApp } from './pushed-app.js';

/** An app that answers on its own port for as long as it runs. */
const webApp = (port: number): Record<string, string> => ({
  Dockerfile: 'FROM busybox\nWORKDIR /usr/src/app\nCOPY . .\nCMD ["sh", "main.sh"]\n',
  'main.sh': `echo serving\nexec httpd -f -p ${port} -h /usr/src/app\n`,
  'greeting.txt': 'hello',
});

let device: VirtualDevice;
let app: PushedApp;
let good: AppState;

beforeAll(async () => {
  device = await VirtualDevice.up({ name: 'push-rollback', announce: false, images: ['busybox'] });
  app = new PushedApp(device, 'web', webApp(8001));
  await app.push();
  good = await app.state();
});
afterAll(async () => {
  app[Symbol.dispose]();
  await device.down();
});

async function greeting(): Promise<string> {
  const response = await fetch(`http://${device.address}:8001/greeting.txt`, {
    headers: { connection: 'close' },
  });
  return response.text();
}

/** Asks the app again and again; resolves with every answer that was not the right one. */
async function wrongAnswersDuring(work: Promise<unknown>): Promise<string[]> {
  const wrong: string[] = [];
  const pause = (): Promise<boolean> => Promise.race([work.then(() => true), delay(20, false)]);
  while (!(await pause())) {
    const answer = await greeting().catch((error: unknown) => String(error));
    if (answer !== 'hello') wrong.push(answer);
  }
  return wrong;
}

/** The container, its image and the image's name are those of before. */
async function expectOldAppBack(): Promise<void> {
  const { id, image, running } = await app.state();
  expect({ id, image, running }).toEqual({ id: good.id, image: good.image, running: true });
  expect(await app.docker('inspect', '--type', 'image', '--format', '{{.Id}}', 'web')).toBe(good.image);
  expect(await app.leftovers()).toEqual([]);
  expect(await greeting()).toBe('hello');
}

describe('a build that fails', () => {
  it('keeps the old app answering all the time, and shows the failing step with its output', async () => {
    app.write(
      'Dockerfile',
      'FROM busybox\nWORKDIR /usr/src/app\nCOPY . .\nRUN sleep 1; echo no luck; exit 3\n',
    );
    const push = app.tryPush();
    expect(await wrongAnswersDuring(push)).toEqual([]);
    const { exitCode, stderr } = await push;
    expect(exitCode, stderr).toBe(5);
    expect(stderr).toContain('no luck');
    expect(stderr).toMatch(/rdt: Dockerfile:4: RUN sleep 1; echo no luck; exit 3 failed with exit code 3\n/);
    expect(stderr).not.toContain('    at ');
    expect(await app.state()).toEqual(good);
    await expectOldAppBack();
  });

  it('is not remembered: the next push tries again', async () => {
    expect((await app.tryPush()).exitCode).toBe(5);
  });

  it('for a line that docker does not know says which', async () => {
    app.write('Dockerfile', 'FROM busybox\nINSTALL everything\n');
    const { exitCode, stderr } = await app.tryPush();
    expect(exitCode).toBe(5);
    expect(stderr).toMatch(/rdt: Dockerfile:2: .*INSTALL/);
    await expectOldAppBack();
  });

  it('for want of a Dockerfile says so, and touches nothing', async () => {
    app.remove('Dockerfile');
    const { exitCode, stderr } = await app.tryPush();
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/rdt: .*no Dockerfile/i);
    expect(await app.state()).toEqual(good);
  });
});

describe('a new app that', () => {
  const dockerfile = (command: string): string =>
    `FROM busybox\nWORKDIR /usr/src/app\nCOPY . .\nCMD ${command}\n`;

  it('crashes at its start is taken back, and its last lines are shown', async () => {
    app.write('Dockerfile', dockerfile('["sh", "crash.sh"]'));
    app.write('crash.sh', 'echo reading the settings\nsleep 0.3\necho "no such setting: port" >&2\nexit 7\n');
    const { exitCode, stderr } = await app.tryPush();
    expect(exitCode, stderr).toBe(6);
    expect(stderr).toContain('rdt: web ended with exit code 7 within 2 s of its start\n');
    expect(stderr).toMatch(/Its last lines were:\n.*reading the settings\n.*no such setting: port\n/);
    expect(stderr).toContain('web is back as it was\n');
    await expectOldAppBack();
  });

  it('cannot be started at all is taken back', async () => {
    app.write('Dockerfile', dockerfile('["/usr/bin/no-such-program"]'));
    const { exitCode, stderr } = await app.tryPush();
    expect(exitCode, stderr).toBe(6);
    expect(stderr).toContain('rdt: web could not be started: ');
    expect(stderr).toContain('no-such-program');
    await expectOldAppBack();
  });

  it.each([
    [
      'a container publishes',
      ['--publish', '8090:80', 'busybox', 'sleep', '600'],
      'The container neighbour has port 8090 of the device; `ports` in the project file',
    ],
    [
      'a program of the device has',
      ['--network', 'host', 'busybox', 'httpd', '-f', '-p', '8090'],
      'No container publishes port 8090: a program of the device has it, or an app in its network; `ports` in',
    ],
  ])('wants a port that %s is taken back, and told who has it', async (_who, words, hint) => {
    await app.docker('run', '--detach', '--name', 'neighbour', ...words);
    app.write('Dockerfile', dockerfile('["sh", "main.sh"]'));
    const file = app.projectFile();
    const ports = 'local_resinos:\n  network: bridge\n  ports: ["8090:8001"]';
    app.write('.resin-sync.yml', file.replace('local_resinos:', ports));
    const { exitCode, stderr } = await app.tryPush();
    app.write('.resin-sync.yml', file);
    await app.docker('rm', '--force', 'neighbour');
    expect(exitCode, stderr).toBe(6);
    expect(stderr).toContain(hint);
    await expectOldAppBack();
  });

  it('cannot be created is not even tried: the old one is never stopped', async () => {
    app.write('Dockerfile', dockerfile('["sh", "main.sh"]'));
    const before = await app.state();
    const file = app.projectFile();
    const volumes = 'local_resinos:\n  volumes: ["one:/store", "two:/store"]';
    app.write('.resin-sync.yml', file.replace('local_resinos:', volumes));
    const { exitCode, stderr } = await app.tryPush();
    app.write('.resin-sync.yml', file);
    expect(exitCode, stderr).toBe(6);
    expect(stderr).toMatch(/rdt: the new container of web could not be created: .*\/store/);
    expect((await app.state()).id).toBe(before.id);
    await expectOldAppBack();
  });

  it.each([
    ['', []],
    [', also with a supervisor', ['--restart', 'process']],
  ])(
    'has a volume that the device cannot mount is an app that cannot be started%s: the old one is never stopped',
    async (_what, flags) => {
      const before = await app.state();
      const file = app.projectFile();
      const volumes = 'local_resinos:\n  volumes: ["/etc/passwd/x:/data"]';
      app.write('.resin-sync.yml', file.replace('local_resinos:', volumes));
      const { exitCode, stderr } = await app.tryPush(...flags);
      app.write('.resin-sync.yml', file);
      expect(exitCode, stderr).toBe(6);
      expect(stderr).toMatch(/rdt: web could not be started: .*\/etc\/passwd\/x: not a directory\n/);
      expect((await app.state()).id).toBe(before.id);
      await expectOldAppBack();
    },
  );

  it('ends well within its first seconds is no failure', async () => {
    using job = new PushedApp(device, 'job', {
      Dockerfile: dockerfile('["echo", "done"]'),
      '.resin-sync.yml': 'local_resinos:\n  restart: no\n',
    });
    const { stderr } = await job.push();
    expect(stderr).toMatch(/^job built, and ended with exit code 0, in /m);
    expect(await job.inspect('{{.State.Status}} {{.State.ExitCode}}')).toBe('exited 0');
  });

  it('crashes at the very first push leaves nothing behind', async () => {
    using first = new PushedApp(device, 'stillborn', {
      Dockerfile: dockerfile('["false"]'),
      'main.sh': LOOP,
    });
    const { exitCode, stderr } = await first.tryPush();
    expect(exitCode, stderr).toBe(6);
    expect(stderr).toContain('It printed nothing.');
    expect((await device.docker('inspect', '--type', 'container', 'stillborn')).exitCode).not.toBe(0);
    expect(await first.leftovers()).toEqual([]);
    expect(() => first.projectFile()).toThrow('ENOENT');
  });

  it('works takes the place of the old one', async () => {
    app.write('Dockerfile', dockerfile('["sh", "main.sh"]').replace('CMD', 'ENV fresh=yes\nCMD'));
    app.write('greeting.txt', 'hello again');
    await app.push();
    expect(await greeting()).toBe('hello again');
    expect((await app.state()).id).not.toBe(good.id);
    expect(await app.leftovers()).toEqual([]);
  });
});

it('an app that was put aside, and crashes again and again, has its name back, though the engine gives it none as it is', async () => {
  using crashing = new PushedApp(device, 'crashing', {
    Dockerfile: 'FROM busybox\nWORKDIR /usr/src/app\nCOPY . .\nCMD ["sh", "main.sh"]\n',
    'main.sh': `if [ -e /crash ]; then exit 1; fi\n${LOOP}`,
  });
  await crashing.push();
  const { id } = await crashing.state();
  // As a push leaves it that was killed.
  const aside = previousName('crashing');
  await crashing.docker('rename', 'crashing', aside);
  await crashing.docker('exec', aside, 'sh', '-c', 'touch /crash; kill -TERM 1');
  // By then the engine waits for seconds before each start.
  await eventually(
    async () => {
      const state = await crashing.docker(
        'inspect',
        '--format',
        '{{.RestartCount}} {{.State.Restarting}}',
        aside,
      );
      return /^([6-9]|\d\d) true$/.test(state);
    },
    { what: 'an app that crashes', withinMs: 60_000 },
  );
  expect((await device.docker('rename', aside, 'crashing')).stderr).toContain('not found');
  crashing.write('main.sh', LOOP);
  await crashing.push();
  const now = await crashing.state();
  expect(now).toMatchObject({ id, running: true });
  await crashing.expectInStep();
  expect(await crashing.leftovers()).toEqual([]);
});
