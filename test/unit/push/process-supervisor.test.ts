import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import {
  defaultSettings,
  type GivenSettings,
  type PushSettings,
  resolveSettings,
} from '../../../src/project/settings.js';
import { containerSpec, describeOtherSettings, hasOtherSettings } from '../../../src/push/container-spec.js';
import {
  installSupervisor,
  type Processor,
  processorOf,
  supervisorFor,
  supervised,
} from '../../../src/push/process-supervisor.js';
import { EngineError } from '../../../src/transport/engine-error.js';
import type { ContainerSpec, EngineInfo, ImageDetails } from '../../../src/transport/engine.js';
import { FakeEngine } from '../../contract/fake-engine.js';

const { signal } = new AbortController();
const PROGRAM = Buffer.from('supervisor');

const IMAGE: ImageDetails = {
  id: 'sha256:1',
  tags: ['app:latest'],
  labels: {},
  entrypoint: [],
  command: ['node', 'main.js'],
  stopSignal: 'SIGTERM',
  volumes: [],
};

const settings = (given: GivenSettings = {}): PushSettings =>
  resolveSettings({ appName: 'app', afterSync: { kind: 'process' }, ...given }, {}, defaultSettings, {
    source: '/src',
  });

const commandOf = (image: Partial<ImageDetails>, given: GivenSettings = {}): readonly string[] => {
  const { Entrypoint, Cmd } = supervised(containerSpec(settings(given)), { ...IMAGE, ...image }, 500);
  return [...Entrypoint, ...Cmd];
};

/** A fake device with another processor. */
class DeviceWith extends FakeEngine {
  constructor(private readonly architecture: string) {
    super();
  }

  override async info(wait?: AbortSignal): Promise<EngineInfo> {
    return { ...(await super.info(wait)), architecture: this.architecture };
  }
}

describe('a supervised container runs', () => {
  it('the command of an image without an entrypoint', () => {
    expect(commandOf({})).toEqual(['/.rdt/init', '15', '500', '--', 'node', 'main.js']);
  });

  it('the entrypoint of the image with its command', () => {
    const image = { entrypoint: ['/entry.sh', '-x'], command: ['serve'] };
    expect(commandOf(image)).toEqual(['/.rdt/init', '15', '500', '--', '/entry.sh', '-x', 'serve']);
  });

  it('an entrypoint without a command', () => {
    expect(commandOf({ entrypoint: ['./app'], command: [] }).slice(4)).toEqual(['./app']);
  });

  it('what the image wrote in shell form, through the shell that the image names', () => {
    const shell = ['/bin/sh', '-c', 'node main.js $OPTIONS'];
    expect(commandOf({ command: shell }).slice(4)).toEqual(shell);
  });

  it('the command of the project file instead of that of the image, behind its entrypoint', () => {
    const image = { entrypoint: ['/entry.sh'], command: ['serve'] };
    expect(commandOf(image, { command: ['node', 'other.js'] }).slice(4)).toEqual([
      '/entry.sh',
      'node',
      'other.js',
    ]);
  });

  it('with the stop signal of the image', () => {
    expect(commandOf({ stopSignal: 'SIGQUIT' })[1]).toBe('3');
  });

  it('nothing when neither the image nor the project says what: that is an error', () => {
    expect(() => commandOf({ entrypoint: [], command: [] })).toThrow('the image does not say what to run');
  });

  it('with everything else that the settings say', () => {
    const { Entrypoint, Cmd, ...rest } = supervised(containerSpec(settings()), IMAGE, 500);
    const { Labels, ...plain }: ContainerSpec = containerSpec(settings());
    expect(rest).toEqual({ ...plain, Labels });
    expect([Entrypoint.length, Cmd.length]).toEqual([4, 2]);
  });
});

describe('a container that was made with another restart', () => {
  const made = async (given: GivenSettings) => {
    const engine = new FakeEngine();
    engine.addImage('app');
    const container = await engine.inspectContainer(
      await engine.createContainer('app', containerSpec(settings(given))),
    );
    if (container === undefined) throw new Error('the fake lost it');
    return container;
  };
  const container = { kind: 'container' } as const;

  it.each([
    [{ afterSync: container }, {}, 'runs its app without the supervisor that restart: process needs'],
    [{}, { afterSync: container }, 'runs its app under the supervisor of restart: process'],
    [{}, { stopGraceMs: 900 }, 'has a supervisor of another version, or with another stop-grace'],
    [{}, { tty: false }, 'was made with other settings'],
  ])('is made anew, and is told why (%#)', async (before, now, reason) => {
    const old = await made(before);
    expect(hasOtherSettings(old, settings(now))).toBe(true);
    expect(describeOtherSettings(old, settings(now))).toBe(reason);
  });

  it.each([
    [{}, {}],
    [{ afterSync: container }, { afterSync: { kind: 'none' } }],
    [{ afterSync: container }, { stopGraceMs: 900 }],
  ] as const)('stays when the difference does not show in it (%#)', async (before, now) => {
    expect(
      hasOtherSettings(
        await made({ afterSync: container, ...before }),
        settings({ afterSync: container, ...now }),
      ),
    ).toBe(false);
  });
});

describe('the program is chosen', () => {
  it.each([
    ['x86_64', 'amd64'],
    ['amd64', 'amd64'],
    ['i686', '386'],
    ['i386', '386'],
    ['armv5tel', 'arm'],
    ['armv6l', 'arm'],
    ['armv7l', 'arm'],
    ['armv8l', 'arm'],
    ['aarch64', 'arm64'],
    ['arm64', 'arm64'],
    ['riscv64', undefined],
    ['mips', undefined],
    ['armv4l', undefined],
    ['', undefined],
  ])('for %s: %s', (machine, processor) => expect(processorOf(machine)).toBe(processor));

  it('for the device, whatever the laptop and the image are', async () => {
    const engine = new DeviceWith('armv6l');
    const asked: Processor[] = [];
    const read = (processor: Processor) => {
      asked.push(processor);
      return Promise.resolve(PROGRAM);
    };
    expect(await supervisorFor(engine, read, signal)).toBe(PROGRAM);
    expect(asked).toEqual(['arm']);
  });

  it('and a device without one is named with what it is', async () => {
    const engine = new DeviceWith('riscv64');
    const trying = supervisorFor(engine, () => Promise.resolve(PROGRAM), signal);
    await expect(trying).rejects.toMatchObject({
      message: 'restart: process is not possible on this device: its processor is riscv64',
      hint: expect.stringContaining('--restart container') as string,
    });
  });
});

describe('the supervisor', () => {
  const created = async () => {
    const engine = new FakeEngine();
    engine.addImage('app', { cmd: ['main'] });
    return { engine, id: await engine.createContainer('app', containerSpec(settings())) };
  };

  it('is put into the root of the container, for everybody to execute', async () => {
    const { engine, id } = await created();
    await installSupervisor(engine, id, PROGRAM, signal);
    expect(await engine.statPath(id, '/.rdt/init')).toMatchObject({
      sizeBytes: PROGRAM.length,
      goMode: 0o755,
    });
    const folder = await engine.getArchive(id, '/.rdt');
    expect(await text(folder ?? Readable.from([]))).toContain('supervisor');
  });

  it('that the engine does not take is an error that says what it is', async () => {
    const { engine, id } = await created();
    engine.failNext('putArchive', new EngineError(500, 'rootfs is marked read-only'));
    const trying = installSupervisor(engine, id, PROGRAM, signal);
    await expect(trying).rejects.toMatchObject({
      message:
        'the supervisor for restart: process could not be put into the container: rootfs is marked read-only',
      exitCode: 6,
    });
  });
});
