import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../testbed/eventually.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { PushedApp } from './pushed-app.js';
import { WatchedApp } from './watched-app.js';

let device: VirtualDevice;

beforeAll(async () => {
  const images = ['busybox', 'node', 'scratch-app'] as const;
  device = await VirtualDevice.up({ name: 'w3-process', announce: false, images: [...images] });
});
afterAll(() => device.down());

type Files = Readonly<Record<string, string>>;

const dockerfile = (...lines: string[]): string =>
  ['FROM busybox', 'WORKDIR /usr/src/app', 'COPY . .', ...lines, ''].join('\n');

/** Tells its version, then runs until it is asked to end. */
const shell = (version: number): string =>
  `echo "version ${version}"\ntrap "echo asked; exit 0" TERM\nwhile true; do sleep 0.1; done\n`;

const SHELL: Files = { Dockerfile: dockerfile('CMD ["sh", "main.sh"]'), 'main.sh': shell(1) };

const project = (...lines: string[]): string =>
  ['local_resinos:', ...lines.map((line) => `  ${line}`), ''].join('\n');

/** An app that was pushed with `--restart process` and has begun. */
async function supervisedApp(name: string, files: Files): Promise<PushedApp> {
  const app = new PushedApp(device, name, files);
  await app.push('--restart', 'process');
  return app;
}

/** Numbers on the device of those processes of the container whose command line matches. */
async function processes(app: PushedApp, pattern: RegExp): Promise<string[]> {
  const [, ...rows] = (await app.docker('top', app.name, '-eo', 'pid,args')).split('\n');
  return rows.flatMap((row) => {
    const [pid = '', ...words] = row.trim().split(/\s+/);
    return pattern.test(words.join(' ')) && words[0] !== '/.rdt/init' ? [pid] : [];
  });
}

/** A shell that begins a program is two of its name for a moment: between fork and exec. */
const onlyProcess = (app: PushedApp, pattern: RegExp): Promise<string> =>
  eventually(
    async () => {
      const [pid, ...others] = await processes(app, pattern);
      return others.length === 0 && pid;
    },
    { what: `A single process ${pattern.source}`, withinMs: 10_000 },
  );

/** Pushes what was written, and holds that only the process was replaced. */
async function expectNewProcessOnly(app: PushedApp, pattern: RegExp): Promise<void> {
  const container = await app.state();
  const first = await app.inspect('{{.State.Pid}} {{.RestartCount}}');
  const before = await onlyProcess(app, pattern);
  await app.push();
  await eventually(
    async () => {
      const now = await processes(app, pattern);
      return now.length === 1 && now[0] !== before;
    },
    { what: 'a new process of the app', withinMs: 10_000 },
  );
  expect(await app.state()).toEqual(container);
  expect(await app.inspect('{{.State.Pid}} {{.RestartCount}}')).toBe(first);
}

describe('a sync with restart: process replaces the app inside its container', () => {
  it('made from busybox, on a terminal', async () => {
    using app = await supervisedApp('plain', SHELL);
    app.write('main.sh', shell(2));
    await expectNewProcessOnly(app, /main\.sh/);
    await app.untilLogged('version 2');
    expect(await app.logs()).toMatch(/version 1[^]*asked[^]*version 2/);
    await app.expectInStep();
  });

  it('without a terminal', async () => {
    using app = await supervisedApp('no-terminal', { ...SHELL, '.resin-sync.yml': project('tty: false') });
    app.write('main.sh', shell(2));
    await expectNewProcessOnly(app, /main\.sh/);
    await app.untilLogged('version 2');
  });

  it('made from an image without a shell', async () => {
    const files = { Dockerfile: 'FROM scratch-app\nCOPY message /usr/src/app/\n', message: 'version 1\n' };
    using app = await supervisedApp('scratch', files);
    app.write('message', 'version 2\n');
    await expectNewProcessOnly(app, /^\/app log/);
    await app.untilLogged('version 2');
  });

  it('made from node, which has no handler for SIGTERM', async () => {
    const main = (version: number): string =>
      `console.log('version ${version}');\nsetInterval(() => {}, 1000);\n`;
    const Dockerfile = 'FROM node:20\nWORKDIR /usr/src/app\nCOPY . .\nCMD ["node", "main.js"]\n';
    using app = await supervisedApp('node', { Dockerfile, 'main.js': main(1) });
    app.write('main.js', main(2));
    await expectNewProcessOnly(app, /^node main\.js/);
    await app.untilLogged('version 2');
  });

  it('run by another user than root', async () => {
    using app = await supervisedApp('user', {
      Dockerfile: dockerfile('USER nobody', 'CMD ["sh", "main.sh"]'),
      'main.sh': `echo "user $(id -u)"\n${shell(1)}`,
    });
    app.write('main.sh', `echo "still $(id -u)"\n${shell(2)}`);
    await expectNewProcessOnly(app, /main\.sh/);
    await app.untilLogged('version 2');
    expect(await app.logs()).toMatch(/user 65534[^]*still 65534/);
  });

  it('also when it ignores SIGTERM, after the grace', async () => {
    const deaf = (version: number): string => `trap "" TERM\n${shell(version).replace(/trap.*\n/, '')}`;
    const files = { ...SHELL, 'main.sh': deaf(1), '.resin-sync.yml': project('stop-grace: 300ms') };
    using app = await supervisedApp('deaf', files);
    app.write('main.sh', deaf(2));
    await expectNewProcessOnly(app, /main\.sh/);
    await app.untilLogged('version 2');
  });

  it('with what it started in the background, but not what was started beside it', async () => {
    const daemons = 'setsid sleep 1000 &\nsleep 2000 &\n';
    using app = await supervisedApp('daemons', { ...SHELL, 'main.sh': daemons + shell(1) });
    await app.docker('exec', '--detach', app.name, 'sleep', '3000');
    const old = await processes(app, /sleep [12]000/);
    const beside = await processes(app, /sleep 3000/);
    app.write('main.sh', daemons + shell(2));
    await expectNewProcessOnly(app, /main\.sh/);
    await app.untilLogged('version 2');
    expect(old).toHaveLength(2);
    expect((await processes(app, /sleep [12]000/)).filter((pid) => old.includes(pid))).toEqual([]);
    expect(await processes(app, /sleep 3000/)).toEqual(beside);
  });
});

describe('the entrypoint of an image is found', () => {
  it('by PATH, as the image sets it', async () => {
    using app = await supervisedApp('by-path', {
      Dockerfile: dockerfile(
        'RUN mkdir -p /opt/bin && cp main.sh /opt/bin/tool && chmod +x /opt/bin/tool',
        'ENV PATH=/opt/bin:/bin',
        'ENTRYPOINT ["tool"]',
        'CMD ["one", "two words"]',
      ),
      'main.sh': `#!/bin/sh\necho "$0: $# arguments, $2"\n${shell(1)}`,
    });
    await app.untilLogged('/opt/bin/tool: 2 arguments, two words');
  });

  it('by the working folder', async () => {
    using app = new PushedApp(device, 'by-folder', {
      Dockerfile: dockerfile('ENTRYPOINT ["./main.sh"]'),
      'main.sh': `#!/bin/sh\necho "in $PWD"\n${shell(1)}`,
    });
    app.chmod('main.sh', 0o755);
    await app.push('--restart', 'process');
    await app.untilLogged('in /usr/src/app');
    app.write('main.sh', `#!/bin/sh\n${shell(2)}`);
    await expectNewProcessOnly(app, /\.\/main\.sh/);
    await app.untilLogged('version 2');
  });

  it('by the shell that shell form means', async () => {
    const files = { ...SHELL, Dockerfile: dockerfile('CMD echo "one $((1 + 1))" && sh main.sh') };
    using app = await supervisedApp('shell-form', files);
    await app.untilLogged('one 2');
    await app.untilLogged('version 1');
  });

  it('and joined with the command of the project file', async () => {
    using app = await supervisedApp('command', {
      ...SHELL,
      Dockerfile: dockerfile('ENTRYPOINT ["sh"]', 'CMD ["other.sh"]'),
      '.resin-sync.yml': project('command: ["main.sh"]'),
    });
    await app.untilLogged('version 1');
  });

  it('or is missing, which is an error', async () => {
    using app = new PushedApp(device, 'nothing', {
      Dockerfile: 'FROM scratch\nCOPY . /usr/src/app\n',
      file: '',
    });
    const { exitCode, stderr } = await app.tryPush('--restart', 'process');
    expect(exitCode, stderr).toBe(6);
    expect(stderr).toContain('rdt: the image does not say what to run\n');
    expect(await app.leftovers()).toEqual([]);
  });
});

describe('for the app the supervisor is not there', () => {
  it('it finds the same environment, folder, user, limits and streams', async () => {
    const look =
      'env | sort; pwd; id; ulimit -a; umask; tty; grep -E "Sig[PBIC]|Cap|NoNew|Seccomp:" /proc/self/status; readlink /proc/$$/fd/*\n';
    const files = {
      Dockerfile: dockerfile('ENV GREETING="hello  world"', 'CMD ["sh", "main.sh"]'),
      'main.sh': look + shell(1),
    };
    const seen: string[] = [];
    for (const restart of ['container', 'process']) {
      using app = new PushedApp(device, 'same', files);
      await app.push('--restart', restart, '--env', 'NAME=value', '--force-build');
      await app.untilLogged('version 1');
      seen.push(await app.logs());
    }
    expect(seen[0]).toContain('GREETING=hello  world');
    expect(seen[1]).toBe(seen[0]);
  });

  it('it changes nothing in the container but one folder', async () => {
    using app = await supervisedApp('diff', SHELL);
    app.write('main.sh', shell(2));
    await expectNewProcessOnly(app, /main\.sh/);
    const changes = (await app.docker('diff', app.name)).split('\n');
    const own = changes.filter((line) => !/\/(usr|dev|data|lib|host|run)(\/|$)/.test(line));
    expect(own.toSorted()).toEqual(['A /.rdt', 'A /.rdt/init']);
  });
});

describe('to the engine it is the app', () => {
  const once = (script: string): Files => ({
    ...SHELL,
    'main.sh': script,
    '.resin-sync.yml': project('restart-policy: no', 'tty: false'),
  });

  it('whose exit code it shows', async () => {
    using app = await supervisedApp('code', once('while ! [ -e /tmp/end ]; do sleep 0.1; done; exit 42\n'));
    await app.exec('touch', '/tmp/end');
    await eventually(async () => !(await app.state()).running, {
      what: 'the end of the app',
      withinMs: 10_000,
    });
    expect(await app.inspect('{{.State.ExitCode}}')).toBe('42');
  });

  it.each([
    ['SEGV', 139],
    ['KILL', 137],
  ])('which ends by a signal with 128 + n (%s)', async (name, code) => {
    using app = await supervisedApp('signalled', once(shell(1)));
    const pid = await onlyProcess(app, /main\.sh/);
    await device.run(['kill', `-${name}`, pid]);
    await eventually(async () => !(await app.state()).running, {
      what: 'the end of the app',
      withinMs: 10_000,
    });
    expect(await app.inspect('{{.State.ExitCode}}')).toBe(String(code));
    await app.docker('rm', app.name);
  });

  it('which hears docker stop', async () => {
    using app = await supervisedApp('stopped', once(shell(1)));
    await app.untilLogged('version 1');
    await app.docker('stop', '--time', '60', app.name);
    expect(await app.inspect('{{.State.ExitCode}}')).toBe('0');
    expect(await app.logs()).toContain('asked');
  });

  it('whose crash its restart policy mends', async () => {
    using app = await supervisedApp('crash', {
      ...SHELL,
      'main.sh': `rm -f crash\n${shell(1).replace('true', '! [ -e crash ]')}exit 3\n`,
    });
    await app.exec('touch', '/usr/src/app/crash');
    await eventually(async () => (await app.inspect('{{.RestartCount}} {{.State.Running}}')) === '1 true', {
      what: 'a restart by the engine',
      withinMs: 10_000,
    });
    await eventually(async () => (await app.logs()).match(/version 1/g)?.length === 2, {
      what: 'its second start in the log',
      withinMs: 10_000,
    });
  });

  it('which a sync starts when it had crashed, without waiting for the engine', async () => {
    using app = await supervisedApp('looping', SHELL);
    app.write('main.sh', 'exit 3\n');
    await app.push();
    // The engine waits twice as long after each crash: here some twelve seconds.
    await eventually(async () => Number(await app.inspect('{{.RestartCount}}')) >= 7, {
      what: 'crashes',
      withinMs: 60_000,
    });
    app.write('main.sh', shell(2));
    await app.push();
    await eventually(async () => (await app.logs()).includes('version 2'), {
      what: 'the mended app',
      withinMs: 3_000,
    });
  });

  it('which it starts again also when it crashes after a sync', async () => {
    using app = await supervisedApp('later', {
      ...SHELL,
      '.resin-sync.yml': project('restart-policy: unless-stopped'),
    });
    app.write('main.sh', shell(2));
    await expectNewProcessOnly(app, /main\.sh/);
    const pid = await onlyProcess(app, /main\.sh/);
    await device.run(['kill', '-KILL', pid]);
    await eventually(async () => (await app.inspect('{{.RestartCount}} {{.State.Running}}')) === '1 true', {
      what: 'a restart by the engine',
      withinMs: 10_000,
    });
  });

  it('which a sync starts when it was stopped', async () => {
    using app = await supervisedApp('sleeping', SHELL);
    await app.docker('stop', app.name);
    app.write('main.sh', shell(2));
    await app.push();
    await app.untilLogged('version 2');
  });
});

describe('a new app under the supervisor', () => {
  it('that crashes in its first seconds is taken back', async () => {
    using app = await supervisedApp('broken', SHELL);
    const good = await app.state();
    app.write('Dockerfile', dockerfile('CMD ["sh", "crash.sh"]'));
    app.write('crash.sh', 'echo "no settings" >&2\nexit 7\n');
    const { exitCode, stderr } = await app.tryPush();
    expect(exitCode, stderr).toBe(6);
    expect(stderr).toContain('broken ended with exit code 7 within 2 s of its start\n');
    expect(stderr).toContain('no settings');
    expect(await app.state()).toMatchObject({ id: good.id, running: true });
    expect(await app.leftovers()).toEqual([]);
  });

  it('that is not in the image is taken back, and named', async () => {
    using app = await supervisedApp('absent', SHELL);
    const good = await app.state();
    app.write('Dockerfile', dockerfile('CMD ["no-such-program"]'));
    const { exitCode, stderr } = await app.tryPush();
    expect(exitCode, stderr).toBe(6);
    expect(stderr).toContain('absent ended with exit code 127');
    expect(stderr).toContain(
      'rdt: cannot run no-such-program: it, or the program that interprets it, is not in the container',
    );
    expect(await app.state()).toMatchObject({ id: good.id, running: true });
  });
});

describe('while the folder is watched', () => {
  it('each save replaces the process, also after a crash, and nothing of rdt stays behind', async () => {
    await using app = new WatchedApp(device, 'watched', SHELL);
    const save = async (version: number): Promise<void> => {
      app.write('main.sh', shell(version));
      await app.untilEvent(({ type, text }) => type === 'output' && text === `version ${version}`);
    };
    await app.watch('--restart', 'process');
    const container = await app.state();
    for (const version of [2, 3, 4, 5]) await save(version);
    expect(await app.state()).toEqual(container);
    const pid = await onlyProcess(app, /main\.sh/);
    await app.andThen('app-exited', () => device.run(['kill', '-KILL', pid]));
    await save(6);
    const again = await app.state();
    await save(7);
    expect(await app.state()).toEqual(again);
    expect(again.id).toBe(container.id);
    await app.stop();
    await eventually(async () => !(await app.docker('top', app.name)).includes('init restart'), {
      what: 'the end of the messenger',
      withinMs: 10_000,
    });
  });
});

describe('another restart', () => {
  it('makes a new container in both directions, and says why', async () => {
    using app = new PushedApp(device, 'switch', SHELL);
    await app.push();
    expect(await app.inspect('{{.Path}}')).toBe('sh');

    const toProcess = await app.push('--restart', 'process');
    expect(toProcess.stderr).toContain(
      'the container switch runs its app without the supervisor that restart: process needs',
    );
    expect(await app.inspect('{{.Path}}')).toBe('/.rdt/init');

    const back = await app.push('--restart', 'container');
    expect(back.stderr).toContain(
      'the container switch runs its app under the supervisor of restart: process',
    );
    expect(await app.inspect('{{.Path}} {{.Args}}')).toBe('sh [main.sh]');
    app.write('main.sh', shell(2));
    await app.push();
    await app.untilLogged('version 2');
    expect(await app.leftovers()).toEqual([]);
  });
});
