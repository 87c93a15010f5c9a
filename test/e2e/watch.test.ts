import { renameSync, symlinkSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { LOOP } from './pushed-app.js';
import { WatchedApp } from './watched-app.js';

const FILES = {
  Dockerfile: 'FROM busybox\nWORKDIR /usr/src/app\nCOPY . .\nCMD ["sh", "main.sh"]\n',
  'main.sh': `echo "version $(cat version)"\n${LOOP}`,
  version: '1\n',
};

let device: VirtualDevice;

beforeAll(async () => {
  device = await VirtualDevice.up({ name: 'w4-watch', images: ['busybox', 'gnu', 'scratch-app'] });
});
afterAll(() => device.down());

it('brings an edit into the app, restarts it, and shows its lines between its own', async () => {
  await using app = new WatchedApp(device, 'edits', FILES);
  await app.watch();
  const { batch } = await app.andThen('batch', () => app.write('version', '2\n'));
  expect(batch).toMatchObject({ files: 1, deleted: 0, effect: 'restarted' });
  await app.untilEvent(({ type, text }) => type === 'output' && text === 'version 2');
  await app.expectInStep();
});

it('brings creations, renames, links, modes, swaps of folder and file, and deletions', async () => {
  await using app = new WatchedApp(device, 'kinds', {
    ...FILES,
    'lib/a.txt': 'a',
    'lib/b.txt': 'b',
    swap: 'file',
  });
  await app.watch();
  app.write('new/deep/file', 'deep');
  renameSync(app.path('lib/a.txt'), app.path('lib/c.txt'));
  symlinkSync('c.txt', app.path('lib/link'));
  app.chmod('lib/b.txt', 0o755);
  app.remove('swap');
  app.write('swap/inside', 'a folder now');
  await app.untilInStep();
  app.remove('new');
  app.remove('swap');
  app.write('swap', 'a file again');
  await app.untilInStep();
});

it('ends at Ctrl-C with exit code 0, lets the app run on, and lets go of its lock', async () => {
  await using app = new WatchedApp(device, 'ctrl-c', FILES);
  await app.watch();
  await app.andThen('batch', () => app.write('version', '2\n'));
  const before = await app.state();
  const { exitCode, stderr } = await app.stop();
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(await app.state()).toEqual(before);
  expect(await app.leftovers()).toEqual([]);
});

it('leaves nothing to do for a push that follows', async () => {
  await using app = new WatchedApp(device, 'afterwards', FILES);
  await app.watch();
  await app.andThen('batch', () => app.write('version', '2\n'));
  await app.andThen('batch', () => app.remove('version'));
  await app.stop();
  const { stderr } = await app.push();
  expect(stderr).toContain('up to date');
});

it('keeps in the app what goes by the hundred until it is told to delete it, and brings all else', async () => {
  await using app = new WatchedApp(device, 'hundred', FILES);
  const many = Array.from({ length: 120 }, (_, n) => `many/${n}`);
  for (const path of many) app.write(path, path);
  await app.watch();
  const { message } = await app.andThen('warning', () => app.remove('many'));
  expect(message).toMatch(/^120 of the 12\d .* are gone from the folder.*--force/);
  await app.andThen('batch', () => app.write('version', '2\n'));
  const there = await app.deployedTree();
  expect(many.filter((path) => !there.has(path))).toEqual([]);
  await app.andThen('batch', () => app.write('many/7', 'back'));
  await app.andThen('batch', () => app.remove('many/7'));
  expect((await app.deployedTree()).has('many/7')).toBe(false);
  await app.stop();
  await app.watch('--force');
  await app.untilInStep();
});

it('does not look at what is ignored', async () => {
  await using app = new WatchedApp(device, 'ignored', { ...FILES, '.gitignore': 'build/\n' });
  await app.watch();
  app.write('build/out.js', 'ignored');
  app.write('node_modules/left-pad/index.js', 'ignored');
  await app.andThen('batch', () => app.write('version', '2\n'));
  expect(app.ofType('batch')).toHaveLength(1);
  expect((await app.deployedTree()).has('build/out.js')).toBe(false);
});

it('lets the app run on as it is with --restart none', async () => {
  await using app = new WatchedApp(device, 'restart-none', FILES);
  await app.watch('--restart', 'none');
  const before = await runOf(app);
  const { batch } = await app.andThen('batch', () => app.write('version', '2\n'));
  expect(batch).toMatchObject({ files: 1, effect: 'none' });
  await app.expectInStep();
  expect(await runOf(app)).toEqual(before);
});

it('sends the app the signal of --restart signal:HUP, and nothing else', async () => {
  const listens = `trap 'echo "heard HUP"' HUP\n${FILES['main.sh']}`;
  await using app = new WatchedApp(device, 'restart-signal', { ...FILES, 'main.sh': listens });
  await app.watch('--restart', 'signal:HUP');
  const before = await runOf(app);
  const { batch } = await app.andThen('batch', () => app.write('version', '2\n'));
  expect(batch).toMatchObject({ files: 1, effect: 'signalled' });
  await app.untilEvent(({ type, text }) => type === 'output' && text === 'heard HUP');
  await app.expectInStep();
  expect(await runOf(app)).toEqual(before);
});

it('starts the app anew in the same container with --restart process', async () => {
  await using app = new WatchedApp(device, 'restart-process', FILES);
  await app.watch('--restart', 'process');
  const before = await runOf(app);
  const { batch } = await app.andThen('batch', () => app.write('version', '2\n'));
  expect(batch).toMatchObject({ files: 1, effect: 'restarted-process' });
  await app.untilEvent(({ type, text }) => type === 'output' && text === 'version 2');
  await app.expectInStep();
  expect(await runOf(app)).toEqual(before);
});

/** Another one after each start of the container. */
const runOf = async (app: WatchedApp) => ({
  ...(await app.state()),
  pid: await app.inspect('{{.State.Pid}}'),
});

const OTHER_GRACE = 'local_resinos:\n  app-name: grace-other\n  stop-grace: 4s\n';
it.each([
  ['not for long', 'short', {}, { atLeastMs: 200, belowMs: 3_000 }],
  [
    'as long as stop-grace says',
    'other',
    { '.resin-sync.yml': OTHER_GRACE },
    { atLeastMs: 4_000, belowMs: 10_000 },
  ],
] as const)('waits %s for an app that will not end', async (_, name, project, { atLeastMs, belowMs }) => {
  const stubborn =
    'trap "echo asked to end" TERM\necho "version $(cat version)"\nwhile true; do sleep 0.1; done\n';
  await using app = new WatchedApp(device, `grace-${name}`, { ...FILES, ...project, 'main.sh': stubborn });
  await app.watch();
  const before = await runOf(app);
  const { batch } = await app.andThen('batch', () => app.write('version', '2\n'));
  expect(batch).toMatchObject({ effect: 'restarted', durationMs: expect.any(Number) as number });
  const { durationMs } = batch as { durationMs: number };
  expect(durationMs).toBeGreaterThanOrEqual(atLeastMs);
  expect(durationMs).toBeLessThan(belowMs);
  expect((await runOf(app)).pid).not.toBe(before.pid);
  await app.untilEvent(({ type, text }) => type === 'output' && text === 'asked to end');
  await app.untilEvent(({ type, text }) => type === 'output' && text === 'version 2');
});

it('keeps an app without a shell in step, and says so when only a build can', async () => {
  const dockerfile = 'FROM scratch-app\nWORKDIR /usr/src/app\nCOPY . .\n';
  await using app = new WatchedApp(device, 'shell-less', {
    Dockerfile: dockerfile,
    'a.txt': 'a',
    'b.txt': 'b',
  });
  await app.watch();
  await app.andThen('batch', () => app.write('a.txt', 'aa'));
  await app.expectInStep();
  await app.andThen('done', () => app.remove('b.txt'));
  expect(app.ofType('decision').at(-1)).toMatchObject({ decision: { action: 'build' } });
  expect(JSON.stringify(app.ofType('decision').at(-1))).toContain(
    'files were deleted, and the container has no shell',
  );
  await app.untilInStep();
});

it.each(['tar', 'xargs'])('keeps an app whose shell has no %s in step', async (program) => {
  await using app = new WatchedApp(device, `without-${program}`, {
    ...FILES,
    // The shell of busybox has them built in.
    Dockerfile: `FROM gnu\nRUN rm /bin/${program}\nWORKDIR /usr/src/app\nCOPY . .\nCMD ["sh", "main.sh"]\n`,
    'old.txt': '',
  });
  await app.watch();
  const { batch } = await app.andThen('batch', () => app.write('version', '2\n'));
  expect(batch).toMatchObject({ files: 1, effect: 'restarted' });
  await app.untilEvent(({ type, text }) => type === 'output' && text === 'version 2');
  await app.expectInStep();
  await app.andThen('done', () => app.remove('old.txt'));
  expect(JSON.stringify(app.ofType('decision').at(-1))).toContain(
    'files were deleted, and the container has no shell, tar or xargs to delete them',
  );
  await app.untilInStep();
  await app.andThen('batch', () => app.write('version', '3\n'));
  await app.expectInStep();
});

it('watches by polling as well', async () => {
  await using app = new WatchedApp(device, 'polling', FILES);
  await app.watch('--poll');
  expect(app.ofType('watching')[0]?.['how']).toMatch(/^polling/);
  await app.andThen('batch', () => app.write('version', '2\n'));
  await app.expectInStep();
});

it('tells in plain lines what it does', async () => {
  await using app = new WatchedApp(device, 'plain', FILES);
  const rdt = app.rdt.start(['push', device.address, '--app-name', 'plain', '-w', '--timing'], {
    cwd: app.folder,
  });
  await rdt.until(/watching \(inotify\); Ctrl-C ends, and plain runs on/);
  app.write('version', '2\n');
  app.write('other', 'x');
  await rdt.until(/2 files -> restarted in \d/);
  await rdt.until(/detect .* scan .* pack .* transfer .* apply .* restart .* first line .*ms/);
  await rdt.until(/version 2/);
  app.remove('other');
  await rdt.until(/1 deleted -> restarted in/);
  rdt.kill('SIGINT');
  expect((await rdt.ended()).exitCode).toBe(0);
});

it.each([
  [['--watch', '--dry-run'], '--watch and --dry-run exclude each other'],
  [['--poll'], '--poll is for --watch'],
])('refuses %j', async (flags, message) => {
  using app = new WatchedApp(device, 'refused', FILES);
  const { exitCode, stderr } = await app.tryPush(...flags);
  expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: `rdt: ${message}\n` });
});
