import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { childrenOf, MACHINES, SupervisedProgram, statusOf } from './supervised-program.js';

/** Says who it is and waits for a signal that ends it. */
const WAIT = 'trap "echo asked; exit 0" TERM; echo "app $$"; while :; do sleep 0.02; done';
/** The same, but nothing ends it. */
const DEAF = 'trap "" TERM; echo "app $$"; while :; do sleep 0.02; done';

const numberOf = (line: string): number => Number(/\d+/.exec(line)?.[0]);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdt-supervisor-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(MACHINES.length > 0)('the supervisor', () => {
  it.skip('is run by Linux on x86-64 only');
});

describe.each(MACHINES)('the supervisor ($name)', { timeout: 20_000 }, (machine) => {
  const sh = (script: string, options = {}) => SupervisedProgram.sh(machine, script, options);
  const run = (argv: readonly string[], options = {}) => new SupervisedProgram(machine, argv, options);

  describe('ends as the app ends', () => {
    it.each([0, 1, 7, 127, 255])('with exit code %d', async (code) => {
      await using app = sh(`exit ${code}`);
      expect(await app.exitCode()).toBe(code);
    });

    it.each([
      [1, 129],
      [9, 137],
      [11, 139],
      [15, 143],
    ])('with 128 + n when signal %d ended it', async (signal, code) => {
      await using app = sh(`kill -${signal} $$; sleep 5`);
      expect(await app.exitCode()).toBe(code);
    });

    it('also when other processes of it are still there', async () => {
      await using app = sh('sleep 5 > /dev/null 2>&1 & echo "left $!"; exit 3');
      const left = numberOf(await app.line());
      expect(await app.exitCode()).toBe(3);
      process.kill(left, 'SIGKILL');
    });
  });

  describe('runs the app', () => {
    it('with the arguments, the environment, the folder and the streams that it got itself', async () => {
      const argv = ['sh', '-c', 'pwd; env | grep -v ^_=; cat; echo "$@" >&2', 'sh', '', 'a b', '*'];
      const options = { cwd: folder, env: { PATH: process.env['PATH'] ?? '', ODD: 'a=b\tc' } };
      const bare = execFileSync('sh', argv.slice(1), {
        ...options,
        input: 'typed',
        encoding: 'utf8',
        stdio: 'pipe',
      });
      await using app = run(argv, options);
      app.child.stdin?.end('typed');
      expect(await app.exitCode()).toBe(0);
      const expected = bare.split('\n');
      const lines: string[] = [];
      while (lines.length < expected.length) lines.push(await app.line());
      expect(lines.toSorted()).toEqual(expected.toSorted());
      expect(app.stderr).toBe(' a b *\n');
    });

    it('with the signals blocked and ignored that were blocked and ignored', () => {
      const show = 'grep -E "Sig(Blk|Ign|Cgt)" /proc/self/status';
      const ignoring = `trap "" HUP USR1; exec "$@"`;
      const bare = execFileSync('sh', ['-c', ignoring, 'sh', 'sh', '-c', show], { encoding: 'utf8' });
      const command = [...machine.runner, machine.program, '15', '500', '--', 'sh', '-c', show];
      const under = execFileSync('sh', ['-c', ignoring, 'sh', ...command], { encoding: 'utf8' });
      expect(under).toBe(bare);
    });

    it('in a process group of its own', async () => {
      await using app = sh('cut -d" " -f1,5 /proc/$$/stat; sleep 0');
      const [pid, group] = (await app.line()).split(' ');
      expect(group).toBe(pid);
      expect(Number(pid)).not.toBe(app.pid);
    });

    it('from the folders of PATH, the first that has it', async () => {
      for (const name of ['one', 'two', 'three']) mkdirSync(join(folder, name), { recursive: true });
      mkdirSync(join(folder, 'one/tool'), { recursive: true });
      writeFileSync(join(folder, 'two/tool'), 'not executable');
      writeFileSync(join(folder, 'three/tool'), '#!/bin/sh\necho "I am $0"\n');
      chmodSync(join(folder, 'three/tool'), 0o755);
      const PATH = [join(folder, 'none'), ...['one', 'two', 'three'].map((name) => join(folder, name))].join(
        ':',
      );
      await using app = run(['tool'], { env: { PATH: `${PATH}:/bin` } });
      expect(await app.line()).toBe(`I am ${folder}/three/tool`);
    });

    it.each(['./here', 'sub/there', '/bin/echo'])('by the path %s', async (path) => {
      mkdirSync(join(folder, 'sub'), { recursive: true });
      for (const name of ['here', 'sub/there']) {
        writeFileSync(join(folder, name), '#!/bin/sh\necho found\n');
        chmodSync(join(folder, name), 0o755);
      }
      await using app = run([path, 'found'], { cwd: folder });
      expect(await app.line()).toBe('found');
    });

    it('and says what is wrong when it cannot', async () => {
      writeFileSync(join(folder, 'no-program'), 'hello');
      chmodSync(join(folder, 'no-program'), 0o755);
      const cases = [
        { argv: ['no-such-tool'], code: 127, words: 'is not in the container' },
        { argv: ['/no/such/tool'], code: 127, words: 'is not in the container' },
        { argv: [''], code: 127, words: 'is not in the container' },
        { argv: ['/etc/passwd'], code: 126, words: 'may execute' },
        { argv: [join(folder, 'no-program')], code: 126, words: 'neither a program' },
      ];
      for (const { argv, code, words } of cases) {
        // Without folders that this user may not look into: of those nobody knows what they hold.
        await using app = run(argv, { env: { PATH: '/usr/bin:/bin' } });
        expect(await app.exitCode()).toBe(code);
        expect(app.stderr).toContain(`rdt: cannot run ${argv[0] ?? ''}: `);
        expect(app.stderr).toContain(words);
      }
    });
  });

  describe('hands on', () => {
    it.each(['HUP', 'INT', 'QUIT', 'USR1', 'USR2', 'ALRM', 'TERM', 'WINCH', 'CONT', 'URG'] as const)(
      '%s',
      async (name) => {
        await using app = sh(
          `trap "echo got ${name}; exit 0" ${name}; echo ready; while :; do sleep 0.02; done`,
        );
        await app.until(/^ready$/);
        process.kill(app.pid, `SIG${name}`);
        await app.until(new RegExp(`^got ${name}$`));
        expect(await app.exitCode()).toBe(0);
      },
    );
  });

  describe('buries', () => {
    it.runIf(machine.getsOrphans)('orphans', async () => {
      await using app = sh(
        'for i in 1 2 3; do (sleep 0.01 & echo "orphan $!"); done; sleep 0.3; echo over; sleep 9',
      );
      const orphans = [await app.line(), await app.line(), await app.line()].map(numberOf);
      await app.until(/^over$/);
      await expect.poll(() => orphans.filter((pid) => statusOf(pid) !== undefined)).toEqual([]);
      expect(childrenOf(app.pid)).toHaveLength(1);
    });
  });

  describe('restarts the app', () => {
    it('by its stop signal, under a new number, while it is the same process itself', async () => {
      await using app = sh(WAIT);
      const first = numberOf(await app.until(/^app/));
      app.restart();
      await app.until(/^asked$/);
      const second = numberOf(await app.until(/^app/));
      expect(second).not.toBe(first);
      expect(statusOf(first)).toBeUndefined();
      expect(childrenOf(app.pid)).toEqual([second]);
      process.kill(app.pid, 'SIGTERM');
      expect(await app.exitCode()).toBe(0);
    });

    it('by another stop signal, when the image has one', async () => {
      await using app = sh(WAIT.replace('TERM', 'QUIT'), { stopSignal: 3 });
      await app.until(/^app/);
      app.restart();
      await app.until(/^asked$/);
      await app.until(/^app/);
    });

    it('by force when the grace is over, and not before', async () => {
      await using app = sh(DEAF, { graceMs: 300 });
      const first = numberOf(await app.until(/^app/));
      const startMs = performance.now();
      app.restart();
      await app.until(/^app/);
      expect(performance.now() - startMs).toBeGreaterThanOrEqual(299);
      expect(statusOf(first)).toBeUndefined();
    });

    it.runIf(machine.getsOrphans)('when all of its process group has ended, and not before', async () => {
      const slow = '(trap "sleep 0.2; echo last; exit" TERM; echo slow; while :; do sleep 0.02; done) &';
      await using app = sh(`echo app; ${slow} while :; do sleep 0.02; done`);
      await app.until(/^slow/);
      app.restart();
      expect([await app.until(/^(last|app)/), await app.until(/^(last|app)/)]).toEqual(['last', 'app']);
    });

    it.runIf(machine.getsOrphans)('without what left its process group', async () => {
      await using app = sh(`setsid sleep 60 & echo "daemon $!"; ${WAIT}`);
      const daemon = numberOf(await app.until(/^daemon/));
      await app.until(/^app/);
      app.restart();
      await app.until(/^asked/);
      expect(numberOf(await app.until(/^daemon/))).not.toBe(daemon);
      expect(statusOf(daemon)).toBeUndefined();
    });

    it('also one that was stopped', async () => {
      await using app = sh(WAIT);
      const first = numberOf(await app.until(/^app/));
      process.kill(first, 'SIGSTOP');
      app.restart();
      await app.until(/^asked/);
      await app.until(/^app/);
    });

    it('after the last of many requests at once', async () => {
      const file = join(folder, 'code');
      writeFileSync(file, 'old');
      await using app = sh(`trap "exit 0" TERM; echo "code $(cat ${file})"; while :; do sleep 0.02; done`);
      await app.until(/^code/);
      for (let round = 0; round < 30; round++) {
        writeFileSync(file, String(round));
        app.restart();
      }
      await app.until(/^code 29$/);
    });

    it('but not when the container is stopped meanwhile', async () => {
      await using app = sh(
        'trap "echo asked; sleep 0.2; exit 5" TERM; echo app; while :; do sleep 0.02; done',
      );
      await app.until(/^app/);
      app.restart();
      await app.until(/^asked/);
      process.kill(app.pid, 'SIGTERM');
      expect(await app.exitCode()).toBe(5);
    });

    it('and ends with it when it crashes later', async () => {
      await using app = sh(`trap "exit 0" TERM; echo "app $$"; sleep 0.1; exit 42`);
      await app.until(/^app/);
      app.restart();
      await app.until(/^app/);
      expect(await app.exitCode()).toBe(42);
    });
  });

  describe('on a terminal', () => {
    const FOREGROUND = 'echo "groups $(cut -d" " -f5,8 /proc/$$/stat)"';
    const groups = (line: string): string[] => line.replace('groups ', '').split(' ');

    it('puts the app into the foreground, each time', async () => {
      await using app = sh(`${FOREGROUND}; ${WAIT}`, { terminal: true });
      const [group, foreground] = groups(await app.until(/^groups/));
      expect(foreground).toBe(group);
      await app.until(/^app/);
      app.restart();
      const [nextGroup, nextForeground] = groups(await app.until(/^groups/));
      expect(nextForeground).toBe(nextGroup);
      expect(nextGroup).not.toBe(group);
    });

    it('lets Ctrl-C reach the app alone', async () => {
      await using app = sh('trap "echo interrupted" INT; echo ready; while :; do sleep 0.02; done', {
        terminal: true,
      });
      await app.until(/^ready/);
      app.child.stdin?.write('\x03');
      await app.until(/interrupted$/);
      expect(statusOf(app.pid)).toBeDefined();
    });

    it('does not let Ctrl-Z stop the app, which nobody could continue', async () => {
      await using app = sh('echo ready; exec sleep 60', { terminal: true });
      await app.until(/^ready/);
      app.child.stdin?.write('\x1a');
      app.child.stdin?.write('\x03');
      expect(await app.exitCode()).toBe(130);
    });

    it('gives the restarted app the settings that the first one got', async () => {
      const script = 'echo "settings $(stty -g)"; stty -echo -icanon -isig; echo changed; exec sleep 60';
      await using app = sh(script, { terminal: true });
      const first = await app.until(/^settings/);
      await app.until(/^changed/);
      app.restart();
      expect(await app.until(/^settings/)).toBe(first);
    });
  });
});
