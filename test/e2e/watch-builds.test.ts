import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../testbed/eventually.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { LOOP } from './pushed-app.js';
import { WatchedApp, type WatchedEvent } from './watched-app.js';

const dockerfile = (run = 'true'): string =>
  `FROM busybox\nWORKDIR /usr/src/app\nCOPY package.json .\nRUN ${run}\nCOPY . .\nCMD ["sh", "main.sh"]\n`;
const FILES = {
  Dockerfile: dockerfile(),
  'package.json': '{"version":1}\n',
  'main.sh': `echo "version $(cat version)"\n${LOOP}`,
  version: '1\n',
};

const project = (lines: readonly string[]): string =>
  ['local_resinos:', ...lines.map((line) => `  ${line}`), ''].join('\n');

let device: VirtualDevice;

beforeAll(async () => {
  device = await VirtualDevice.up({ name: 'w4-builds', images: ['busybox', 'scratch-app'] });
});
afterAll(() => device.down());

it('builds anew in the background when a trigger changes, says why, and goes on from there', async () => {
  await using app = new WatchedApp(device, 'trigger', FILES);
  await app.watch();
  const before = await app.state();
  const { decision } = await app.andThen('decision', () => app.write('package.json', '{"version":2}\n'));
  expect(decision).toEqual({ action: 'build', reasons: ['package.json changed'] });
  expect((await app.state()).id).toBe(before.id);
  await app.andThen('done', () => undefined);
  expect((await app.state()).id).not.toBe(before.id);
  await app.andThen('batch', () => app.write('version', '2\n'));
  await app.expectInStep();
});

it('lets the old app run on until the image is built, and shows its lines meanwhile', async () => {
  const ticks = 'n=0\nwhile true; do echo "tick $((n += 1))"; sleep 0.1; done\n';
  await using app = new WatchedApp(device, 'ticks', { ...FILES, 'main.sh': `trap "exit 0" TERM\n${ticks}` });
  await app.watch();
  const before = await app.state();
  app.write('Dockerfile', dockerfile('sleep 302 || true'));
  const step = await eventually(() => pidOf('sleep 302'), {
    what: 'the step of the build',
    withinMs: 60_000,
  });
  for (let tick = 0; tick < 10; tick++) await app.andThen('output', () => undefined);
  expect(await app.state()).toEqual(before);
  await app.andThen('done', () => device.run(['kill', step]));
  expect((await app.state()).id).not.toBe(before.id);
  const isBuilt = ({ event }: WatchedEvent): boolean => (event as WatchedEvent | undefined)?.type === 'built';
  const untilBuilt = app.events.slice(0, app.events.findLastIndex(isBuilt));
  const lines = untilBuilt.filter(({ type }) => type === 'output').map(({ text }) => text);
  expect(lines).toEqual(lines.map((_, index) => `tick ${index + 1}`));
});

it.each(['.dockerignore', 'Dockerfile'])('builds anew when %s changes', async (path) => {
  await using app = new WatchedApp(device, `build-${path.replace('.', '').toLowerCase()}`, FILES);
  await app.watch();
  const content = path === 'Dockerfile' ? dockerfile('echo other') : 'doc\n';
  const { decision } = await app.andThen('decision', () => app.write(path, content));
  expect(decision).toMatchObject({ action: 'build' });
  await app.andThen('done', () => undefined);
  await app.untilInStep();
});

/** Whatever the engine takes: rdt knows what none of these lines means. */
const UNUSUAL: Readonly<Record<string, readonly string[]>> = {
  'of two stages, for a platform and with a variable': [
    'ARG BASE=busybox',
    'FROM --platform=$BUILDPLATFORM ${BASE}:latest AS made',
    'RUN echo made >/made',
    'FROM busybox',
    'WORKDIR /usr/src/app',
    'COPY --from=made /made /made',
    'COPY . .',
  ],
  'with ADD': ['FROM busybox', 'ADD version /opt/', 'ADD . /usr/src/app/', 'WORKDIR /usr/src/app'],
  'with patterns, lists and owners': [
    'FROM busybox',
    'WORKDIR /usr/src',
    'WORKDIR app',
    'COPY --chown=7:7 ["Docker*", "package*.json", "main.sh", "./"]',
    'COPY [".", "."]',
  ],
  'with an escape of its own': [
    '# escape=`',
    'from busybox',
    'env dir=/usr/src/app',
    'workdir $dir',
    'run echo a `',
    '  # between',
    '  b',
    'Copy . ${dir}',
  ],
  'with a stage that hands down': [
    'FROM busybox AS parent',
    'ONBUILD COPY . /usr/src/app',
    'FROM parent',
    'WORKDIR /usr/src/app',
  ],
};

it.each(Object.entries(UNUSUAL))(
  'keeps an app with a Dockerfile %s in step, and builds it anew when that changes',
  async (kind, lines) => {
    const dockerfile = (...more: string[]): string =>
      [...lines, ...more, 'CMD ["sh", "main.sh"]', ''].join('\n');
    const name = kind.toLowerCase().replaceAll(/\W+/g, '-');
    await using app = new WatchedApp(device, name, { ...FILES, Dockerfile: dockerfile() });
    await app.watch();
    const { batch } = await app.andThen('batch', () => app.write('version', '2\n'));
    expect(batch).toMatchObject({ files: 1, effect: 'restarted' });
    await app.untilEvent(({ type, text }) => type === 'output' && text === 'version 2');
    await app.expectInStep();
    const { decision } = await app.andThen('decision', () =>
      app.write('Dockerfile', dockerfile('RUN echo changed >/changed')),
    );
    expect(decision).toEqual({ action: 'build', reasons: ['Dockerfile changed'] });
    await app.andThen('done', () => undefined);
    expect(await app.exec('cat', '/changed')).toBe('changed');
    await app.untilInStep();
  },
);

it('ends a build for a newer change of a trigger, on the device too, and builds what is newest once', async () => {
  const files = { ...FILES, Dockerfile: dockerfile('sleep "$(cat package.json)"'), 'package.json': '0\n' };
  await using app = new WatchedApp(device, 'newer', files);
  await app.watch();
  const after = app.events.length;
  app.write('package.json', '301\n');
  await eventually(() => pidOf('sleep 301'), { what: 'the step of the build', withinMs: 60_000 });
  await app.andThen('build-restarted', () => app.write('package.json', '1\n'));
  await app.andThen('done', () => undefined);
  await app.untilInStep();
  expect(await app.exec('cat', 'package.json')).toBe('1');
  await eventually(async () => (await pidOf('sleep 301')) === undefined, {
    what: 'the end of the step that nobody waits for',
    withinMs: 15_000,
  });
  await app.stop();
  const said = app.events
    .slice(after)
    .filter(({ type }) => ['decision', 'build-restarted', 'done'].includes(type));
  expect(said.map(({ type }) => type)).toEqual(['decision', 'build-restarted', 'decision', 'done']);
  expect(await app.leftovers()).toEqual([]);
});

/** Of the process on the device whose command line is exactly this. */
async function pidOf(command: string): Promise<string | undefined> {
  const { stdout } = await device.run(['pgrep', '--exact', '--full', command]);
  return stdout.trim() || undefined;
}

it('keeps changes until the build has ended, and says that they wait', async () => {
  await using app = new WatchedApp(device, 'waiting', { ...FILES, Dockerfile: dockerfile('sleep 5') });
  await app.watch();
  const after = app.events.length;
  await app.andThen('decision', () => app.write('package.json', '{"version":2}\n'));
  app.write('version', '2\n');
  await app.untilEvent(({ type }) => type === 'done', { after });
  expect(app.events.slice(after).map(({ type }) => type)).toContain('changes-wait');
  await app.untilInStep();
});

it('takes away what went from the folder while the image was made of it', async () => {
  const files = { ...FILES, Dockerfile: dockerfile('sleep 2'), 'going/file': '', 'going.txt': '' };
  await using app = new WatchedApp(device, 'going', files);
  await app.watch();
  await app.andThen('decision', () => app.write('package.json', '{"version":2}\n'));
  const after = app.events.length;
  const isSleeping = (event: WatchedEvent): boolean => JSON.stringify(event).includes('RUN sleep');
  await app.untilEvent(isSleeping, { after });
  app.remove('going');
  app.remove('going.txt');
  await app.untilEvent(({ type }) => type === 'done', { after });
  await app.untilInStep();
});

it('goes on with the old app when a build fails, syncs into it, and builds again until it succeeds', async () => {
  await using app = new WatchedApp(device, 'broken', FILES);
  await app.watch('--restart', 'none');
  const before = await app.state();
  const failed = await app.andThen('build-failed', () => app.write('Dockerfile', dockerfile('exit 3')));
  const message = 'Dockerfile:4: RUN exit 3 failed with exit code 3';
  expect(failed).toMatchObject({ message, again: false, oldAppRuns: true });
  app.write('version', '2\n');
  await app.untilEvent(({ type, again }) => type === 'build-failed' && again === true);
  await app.untilInStep();
  expect(await app.state()).toEqual({ ...before, running: true });
  await app.andThen('done', () => app.write('Dockerfile', dockerfile('echo good')));
  expect((await app.state()).id).not.toBe(before.id);
  await app.untilInStep();
});

it.each([
  ['Dockerfile', 'is gone', (app: WatchedApp) => app.remove('Dockerfile')],
  ['.dockerignore', 'is wrong', (app: WatchedApp) => app.write('.dockerignore', '[a\n')],
] as const)(
  'goes on with the old app while %s %s, and builds when it is mended',
  async (file, how, spoil) => {
    await using app = new WatchedApp(device, how.replace(' ', '-'), FILES);
    await app.watch();
    const { id } = await app.state();
    expect(await app.andThen('build-failed', () => spoil(app))).toMatchObject({ oldAppRuns: true });
    await app.andThen('batch', () => app.write('version', '2\n'));
    expect(await app.exec('cat', 'version')).toBe('2');
    expect(app.ofType('batch-failed')).toEqual([]);
    if (file === 'Dockerfile') app.write(file, dockerfile('echo mended'));
    else app.remove(file);
    await app.untilInStep();
    await eventually(async () => (file === 'Dockerfile') === ((await app.state()).id !== id), {
      what: 'the app that is built anew, if there is something to build',
      withinMs: 30_000,
    });
  },
);

it('waits for a change when the first build fails', async () => {
  await using app = new WatchedApp(device, 'first-broken', { ...FILES, Dockerfile: dockerfile('exit 3') });
  app.start();
  await app.untilEvent(({ type, oldAppRuns }) => type === 'build-failed' && oldAppRuns === false);
  await app.andThen('watching', () => app.write('Dockerfile', dockerfile()));
  await app.untilInStep();
});

it('is interrupted at Ctrl-C, with exit code 130, while nothing could be built yet', async () => {
  await using app = new WatchedApp(device, 'never-built', { ...FILES, Dockerfile: dockerfile('exit 3') });
  app.start();
  await app.untilEvent(({ type }) => type === 'build-failed');
  expect((await app.stop()).exitCode).toBe(130);
  expect(app.events.at(-1)).toMatchObject({ type: 'failed', exitCode: 130, message: 'interrupted' });
});

it('takes in a changed project file, and goes on with the old one when it is wrong', async () => {
  await using app = new WatchedApp(device, 'settings', FILES);
  await app.watch();
  await app.andThen('project-refused', () => app.write('.resin-sync.yml', 'local_resinos: [\n'));
  await app.andThen('batch', () => app.write('version', '2\n'));
  const { decision } = await app.andThen('decision', () =>
    app.write('.resin-sync.yml', project(['app-name: settings', 'environment: [COLOUR=red]'])),
  );
  expect(decision).toMatchObject({ action: 'build' });
  await app.andThen('done', () => undefined);
  expect(await app.exec('sh', '-c', 'echo $COLOUR')).toBe('red');
  await app.andThen('batch', () => app.write('version', '3\n'));
  await app.expectInStep();
});

it('runs a rule for what it names before the restart, and shows its output', async () => {
  const rules = project([
    'app-name: rules',
    'on-change:',
    '- paths: [migrations/**]',
    '  run: echo ran $(ls migrations) >> /tmp/ran; cat /tmp/ran',
  ]);
  await using app = new WatchedApp(device, 'rules', {
    ...FILES,
    'migrations/1.sql': '1',
    '.resin-sync.yml': rules,
  });
  await app.watch();
  await app.andThen('batch', () => app.write('version', '2\n'));
  expect(app.ofType('rule')).toEqual([]);
  const { chunk } = await app.andThen('rule-output', () => app.write('migrations/2.sql', '2'));
  expect(chunk).toBe('ran 1.sql 2.sql\n');
  await app.untilEvent(({ type }) => type === 'batch', {
    after: app.events.findIndex(({ type }) => type === 'rule'),
  });
});

it('shows a rule that fails, and goes on', async () => {
  const rules = project([
    'app-name: failing',
    'on-change:',
    '- paths: data.txt',
    '  run: echo no luck; exit 4',
  ]);
  await using app = new WatchedApp(device, 'failing', { ...FILES, '.resin-sync.yml': rules });
  await app.watch();
  const { message } = await app.andThen('rule-failed', () => app.write('data.txt', '1'));
  expect(message).toBe('an on-change command ended with status 4');
  await app.andThen('batch', () => app.write('version', '2\n'));
  await app.expectInStep();
});

it.each([
  ['/scratch-app "unclosed', 'has an unclosed quote'],
  ['npm run migrate', 'is not the path of a program'],
])('says why a container without a shell cannot run %s', async (command, reason) => {
  const rules = project(['app-name: no-shell', 'on-change:', '- paths: data.txt', `  run: '${command}'`]);
  const files = {
    Dockerfile: 'FROM scratch-app\nWORKDIR /usr/src/app\nCOPY . .\n',
    '.resin-sync.yml': rules,
  };
  await using app = new WatchedApp(device, 'no-shell', files);
  await app.watch();
  const { message } = await app.andThen('rule-failed', () => app.write('data.txt', '1'));
  expect(message).toContain(reason);
});

it('builds again what a trigger that went away has changed', async () => {
  await using app = new WatchedApp(device, 'gone', FILES);
  await app.watch('--build-triggers', 'extra.txt');
  await app.andThen('decision', () => app.write('extra.txt', '1'));
  await app.andThen('done', () => undefined);
  const { decision } = await app.andThen('decision', () => rmSync(app.path('extra.txt')));
  expect(decision).toMatchObject({ reasons: ['extra.txt is gone'] });
});
