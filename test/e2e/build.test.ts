import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock as clock } from '../../src/system-clock.js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BuildEvent } from '../../src/build/build-event.js';
import { buildImage } from '../../src/build/build-image.js';
import type { ImageBuilder } from '../../src/build/image-builder.js';
import { ExitCode } from '../../src/errors.js';
import { EngineImageBuilder } from '../../src/transport/docker/build-http.js';
import { EngineHttp } from '../../src/transport/docker/engine-http.js';
import { TcpDialer } from '../../src/transport/docker/tcp-dialer.js';
import { eventually } from '../testbed/eventually.js';
import { VirtualDevice } from '../testbed/virtual-device.js';

let device: VirtualDevice;
let source: string;

beforeAll(async () => {
  device = await VirtualDevice.up({ name: 'build', announce: false, images: ['busybox'] });
});
afterAll(async () => {
  await device.down();
});
afterEach(() => {
  rmSync(source, { recursive: true, force: true });
});

/** Makes a folder with these files, which goes after the test. */
function folder(files: Readonly<Record<string, string | Buffer>>): void {
  source = mkdtempSync(path.join(tmpdir(), 'rdt-e2e-build-'));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.join(source, path.dirname(name)), { recursive: true });
    writeFileSync(path.join(source, name), content);
  }
}

interface BuildOptions {
  readonly classic?: boolean;
  readonly on?: VirtualDevice;
  readonly onEvent?: (event: BuildEvent) => void;
  readonly signal?: AbortSignal;
}

async function build({ classic = false, on = device, onEvent, signal }: BuildOptions = {}) {
  await using http = new EngineHttp(new TcpDialer(on.address, on.enginePort));
  const real = new EngineImageBuilder(http);
  const builder: ImageBuilder = {
    build: (request, emit, abort) =>
      real.build(classic ? { ...request, preferred: 'classic' } : request, emit, abort),
  };
  const events: BuildEvent[] = [];
  const emit = (event: BuildEvent): void => {
    events.push(event);
    onEvent?.(event);
  };
  const request = {
    source,
    tag: 'app:latest',
    labels: { 'rdt.test': 'yes' },
    platform: process.platform,
    compress: true,
    clock,
  };
  return { ...(await buildImage(request, builder, emit, signal)), events };
}

const inImage = async (...argv: string[]): Promise<string> => {
  const { stdout, stderr, exitCode } = await device.docker('run', '--rm', 'app:latest', ...argv);
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  return stdout;
};

/** Whether the command of a RUN is there on the device, in whatever container. */
const isRunning = async (marker: string): Promise<boolean> =>
  (await device.run(['ps', '-ef'])).stdout
    .split('\n')
    .some((line) => line.includes(marker) && !line.includes('ps -ef'));

describe.each([
  ['BuildKit', false],
  ['the classic builder', true],
])('a folder that is built on a device by %s', (_kind, classic) => {
  it('arrives as it is: names, bytes, modes and links', async () => {
    folder({
      Dockerfile: 'FROM busybox\nCOPY . /ctx\n',
      'größe/new\nline': 'x',
      [`deep/${'n'.repeat(120)}/f`]: 'deep',
      large: Buffer.alloc(3_000_000, 'abc'),
      'run.sh': '#!/bin/sh\n',
    });
    const raw = Buffer.concat([Buffer.from(`${source}/raw`), Buffer.from([0xff])]);
    writeFileSync(raw, 'raw');
    mkdirSync(path.join(source, 'empty'));
    chmodSync(path.join(source, 'empty'), 0o2750);
    chmodSync(path.join(source, 'run.sh'), 0o4751);
    symlinkSync('/nowhere/at/all', path.join(source, 'dangling'));
    symlinkSync('.', path.join(source, 'loop'));
    utimesSync(path.join(source, 'run.sh'), 1_500_000_000, 1_500_000_000);
    const { builder } = await build({ classic });
    expect(builder).toBe(classic ? 'classic' : 'buildkit');
    expect(await inImage('sh', '-c', 'cd /ctx && cat "größe/new\nline" deep/*/f raw*')).toBe('xdeepraw');
    expect(await inImage('sh', '-c', 'cd /ctx && echo raw* | od -An -tx1')).toBe(' 72 61 77 ff 0a\n');
    const sum = createHash('sha256').update(Buffer.alloc(3_000_000, 'abc')).digest('hex');
    expect(await inImage('sha256sum', '/ctx/large')).toBe(`${sum}  /ctx/large\n`);
    const stat = await inImage('stat', '-c', '%n %a %u:%g %Y', '/ctx/run.sh');
    // The classic builder's own chown takes setuid away, with any client.
    expect(stat).toBe(`/ctx/run.sh ${classic ? '751' : '4751'} 0:0 1500000000\n`);
    expect(await inImage('stat', '-c', '%a', '/ctx/empty')).toBe('2750\n');
    expect(await inImage('sh', '-c', 'readlink /ctx/dangling; readlink /ctx/loop')).toBe(
      '/nowhere/at/all\n.\n',
    );
  });

  it('arrives without what .dockerignore excludes', async () => {
    folder({
      Dockerfile: 'FROM busybox\nCOPY . /ctx\n',
      '.dockerignore': '# rules\n*\n!src\nsrc/**/*.tmp\n!src/a/keep.tmp\n',
      'src/a/x.js': '',
      'src/a/drop.tmp': '',
      'src/a/keep.tmp': '',
      'secret.env': '',
    });
    await build({ classic });
    const found = (await inImage('find', '/ctx', '-type', 'f')).trim().split('\n').sort();
    // The classic builder takes Dockerfile and .dockerignore out again when the rules exclude them.
    const control = classic ? [] : ['/ctx/.dockerignore', '/ctx/Dockerfile'];
    expect(found).toEqual([...control, '/ctx/src/a/keep.tmp', '/ctx/src/a/x.js']);
  });

  it('is built with a Dockerfile and rules that are links out of it', async () => {
    folder({ Df: 'FROM busybox\nCOPY . /ctx\n', rules: 'secret\n', 'app/secret': '', 'app/a': '' });
    const top = source;
    symlinkSync('../Df', path.join(top, 'app/Dockerfile'));
    symlinkSync('../rules', path.join(top, 'app/.dockerignore'));
    source = path.join(top, 'app');
    try {
      await build({ classic });
    } finally {
      source = top;
    }
    const found = (await inImage('find', '/ctx', '-type', 'f')).trim().split('\n').sort();
    expect(found).toEqual(['/ctx/.dockerignore', '/ctx/Dockerfile', '/ctx/a']);
  });

  it('is built with a Dockerfile that is a link, through a folder that is one', async () => {
    folder({ 'images/dev/Df': 'FROM busybox\nCOPY . /ctx\n' });
    symlinkSync('images', path.join(source, 'docker'));
    symlinkSync('docker/dev/Df', path.join(source, 'Dockerfile'));
    await build({ classic });
    const found = (await inImage('find', '/ctx', '-type', 'l')).trim().split('\n').sort();
    expect(found).toEqual(['/ctx/Dockerfile', '/ctx/docker']);
  });

  it('names the line of a RUN that fails, with its output, and keeps the image that was there', async () => {
    folder({ Dockerfile: 'FROM busybox\nCMD ["old"]\n' });
    const { imageId } = await build({ classic });
    writeFileSync(
      path.join(source, 'Dockerfile'),
      'FROM busybox\n# install\nRUN echo installing && \\\n    echo "no such package" >&2 && \\\n    exit 9\n',
    );
    const events: BuildEvent[] = [];
    await expect(build({ classic, onEvent: (event) => events.push(event) })).rejects.toMatchObject({
      name: 'BuildError',
      exitCode: ExitCode.buildFailed,
      instruction: { line: 3 },
      failure: {
        runExitCode: 9,
        output: expect.arrayContaining(['installing', 'no such package']) as string[],
      },
    });
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'output', stream: 'stderr', line: 'no such package' }),
    );
    const kept = await device.docker('image', 'inspect', '--format', '{{.Id}}', 'app:latest');
    expect(kept.stdout.trim()).toBe(imageId);
  });

  it('fails in the line of a wrong instruction, a missing file, and a base image that can not be pulled', async () => {
    folder({ Dockerfile: 'FROM busybox\n\nNPM install\n' });
    await expect(build({ classic })).rejects.toMatchObject({ instruction: { line: 3 }, exitCode: 5 });
    writeFileSync(path.join(source, 'Dockerfile'), 'FROM busybox\n\n\nCOPY missing /x\n');
    await expect(build({ classic })).rejects.toMatchObject({ instruction: { line: 4 }, exitCode: 5 });
    writeFileSync(path.join(source, 'Dockerfile'), '# app\nFROM localhost:1/no/such:1\n');
    await expect(build({ classic })).rejects.toThrow(
      'Dockerfile:2: the base image localhost:1/no/such:1 is not on the device, and the device could not pull it',
    );
  });

  it('is built no further when the signal is aborted, and leaves no container', async () => {
    const marker = `6${classic ? 1 : 2}43.21`;
    folder({ Dockerfile: `FROM busybox\nRUN sleep ${marker}\n` });
    const abort = new AbortController();
    const reason = new Error('enough');
    const failure = expect(build({ classic, signal: abort.signal })).rejects.toBe(reason);
    const runs = () => isRunning(`sleep ${marker}`);
    await eventually(runs, { what: 'the start of the step on the device', withinMs: 15_000 });
    abort.abort(reason);
    await failure;
    const ended = async () => !(await runs());
    await eventually(ended, { what: 'the end of the step on the device', withinMs: 15_000 });
    const noContainer = async () => (await device.docker('ps', '-aq')).stdout === '';
    await eventually(noContainer, { what: 'the removal of its container', withinMs: 15_000 });
  });

  it('ends with exit code 4 when the engine is lost on the way', async () => {
    // An engine that was killed asks what still runs to end when it comes back, and waits 10 s for it.
    folder({ Dockerfile: "FROM busybox\nRUN trap 'exit 1' TERM; echo begun; sleep 600 & wait\n" });
    let killed: Promise<void> | undefined;
    const onEvent = (event: BuildEvent): void => {
      if (event.type === 'output' && event.line === 'begun') killed = device.killEngine();
    };
    await expect(build({ classic, onEvent })).rejects.toMatchObject({ exitCode: ExitCode.unreachable });
    await killed;
    await device.startEngine();
  });
});

describe('a device whose disk is full', () => {
  it.each([true, false])('fails the build with the words of the engine (classic: %s)', async (classic) => {
    const small = await VirtualDevice.up({
      name: 'build-full',
      announce: false,
      images: ['busybox'],
      diskMegabytes: 64,
    });
    try {
      folder({ Dockerfile: 'FROM busybox\nCOPY . /ctx\n', noise: randomBytes(80_000_000) });
      await expect(build({ classic, on: small })).rejects.toMatchObject({
        exitCode: ExitCode.buildFailed,
        hint: expect.stringContaining('no space left on device') as string,
      });
      expect((await small.docker('ps', '-aq')).stdout).toBe('');
    } finally {
      await small.down();
    }
  });
});
