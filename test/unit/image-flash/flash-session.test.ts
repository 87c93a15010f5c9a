import { describe, expect, it } from 'vitest';
import { ExitCode } from '../../../src/errors.js';
import type { FlashEvent } from '../../../src/image/flash-event.js';
import { type FlashPorts, type FlashRequest, runFlash } from '../../../src/image/flash-session.js';
import { FakeImage } from './fake-image.js';
import { FakeMachine, FakePerson, GB, usbStick } from './fake-machine.js';
import { makeImage, MIB } from './test-image.js';

const IMAGE = makeImage(3 * MIB);
const REQUEST: FlashRequest = {
  image: { image: 'os.img', bmap: undefined, sha256: undefined },
  drives: ['/dev/sdb'],
  yes: false,
  force: false,
  verify: true,
  dryRun: false,
  settings: { given: {}, from: undefined },
};
const nothing = () => Promise.reject(new Error('not asked for'));

interface Setup {
  readonly machine?: FakeMachine;
  readonly person?: FakePerson;
  readonly image?: FakeImage;
}

async function run(changes: Partial<FlashRequest>, setup: Setup = {}) {
  const machine = setup.machine ?? new FakeMachine([usbStick('/dev/sdb')]);
  const image = setup.image ?? new FakeImage(IMAGE);
  const events: FlashEvent[] = [];
  const ports: FlashPorts = {
    openImage: () => Promise.resolve(image),
    catalog: machine,
    access: machine,
    prepareConfiguration: () => Promise.resolve(undefined),
    dialog: setup.person,
    clock: { monotonicMs: () => 0, wallMs: () => 0, sleep: nothing },
  };
  const result = runFlash(
    { ...REQUEST, ...changes },
    ports,
    (event) => events.push(event),
    new AbortController().signal,
  );
  const outcome = await result.then(
    (verdicts) => ({ verdicts, message: '', exitCode: ExitCode.ok }),
    (error: unknown) => {
      if (!(error instanceof Error) || !('exitCode' in error)) throw error;
      return { verdicts: [], message: error.message, exitCode: Number(error.exitCode) };
    },
  );
  return { ...outcome, machine, image, events };
}

describe('consent', () => {
  it('given by --yes writes a card without a question', async () => {
    const { verdicts, machine, image } = await run({ yes: true });
    expect(verdicts).toMatchObject([{ kind: 'written', drive: '/dev/sdb' }]);
    expect(machine.opened[0]?.medium.subarray(0, IMAGE.length).equals(IMAGE)).toBe(true);
    expect(machine.opened.every((drive) => drive.closed) && image.closed).toBe(true);
  });

  it('is asked for once for all drives, after they were judged', async () => {
    const machine = new FakeMachine([usbStick('/dev/sdb'), usbStick('/dev/sdc')]);
    const person = new FakePerson({ confirms: true });
    const { verdicts } = await run({ drives: ['/dev/sdb', '/dev/sdc', '/dev/sdb'] }, { machine, person });
    expect(person.asked).toEqual(['confirm /dev/sdb /dev/sdc']);
    expect(verdicts.map(({ kind }) => kind)).toEqual(['written', 'written']);
  });

  it('declined opens nothing, and says so', async () => {
    const { message, exitCode, machine } = await run({}, { person: new FakePerson({ confirms: false }) });
    expect(message).toBe('declined: nothing was written');
    expect(exitCode).toBe(ExitCode.failure);
    expect(machine.opened).toEqual([]);
    expect(machine.unmounted).toEqual([]);
  });

  it('cannot be asked for without a terminal', async () => {
    expect(await run({})).toMatchObject({ exitCode: ExitCode.usage });
    expect(await run({ yes: true, drives: [] })).toMatchObject({ exitCode: ExitCode.usage });
  });

  it.each([
    ['large', usbStick('/dev/sdb', { sizeBytes: 256 * GB })],
    ['not removable', usbStick('/dev/sdb', { removable: false })],
  ])('for a drive that is %s needs its name, or --yes and --force', async (_, drive) => {
    const machine = () => new FakeMachine([drive]);
    expect(await run({ yes: true }, { machine: machine() })).toMatchObject({ exitCode: ExitCode.usage });
    expect(await run({ yes: true, force: true }, { machine: machine() })).toMatchObject({
      exitCode: ExitCode.ok,
    });
    const wrong = await run(
      { force: true },
      { machine: machine(), person: new FakePerson({ confirms: true, types: 'yes' }) },
    );
    expect(wrong.message).toMatch(/nothing was written/);
    expect(wrong.machine.opened).toEqual([]);
    const right = await run(
      {},
      { machine: machine(), person: new FakePerson({ confirms: true, types: '/dev/sdb' }) },
    );
    expect(right.exitCode).toBe(ExitCode.ok);
  });
});

describe('drives', () => {
  it('are offered only when they can be written', async () => {
    const machine = new FakeMachine([
      usbStick('/dev/sda', { refusal: 'it carries the running system' }),
      usbStick('/dev/sdb', { readOnly: true }),
      usbStick('/dev/sdc', { sizeBytes: 0 }),
      usbStick('/dev/sdd', { sizeBytes: MIB }),
      usbStick('/dev/sde'),
    ]);
    const person = new FakePerson({ chooses: '/dev/sde', confirms: true });
    const { verdicts } = await run({ drives: [] }, { machine, person });
    expect(person.asked[0]).toBe('choose /dev/sde');
    expect(verdicts).toMatchObject([{ kind: 'written', drive: '/dev/sde' }]);
  });

  it.each([
    [
      'of the system',
      usbStick('/dev/sdb', { refusal: 'it carries the running system' }),
      /carries the running system/,
    ],
    ['that are read-only', usbStick('/dev/sdb', { readOnly: true }), /read-only/],
    ['without a medium', usbStick('/dev/sdb', { sizeBytes: 0 }), /no medium/],
    ['that are too small', usbStick('/dev/sdb', { sizeBytes: 2 * MIB }), /too small: it holds 2097152 bytes/],
  ])('%s are refused also when they are named and forced', async (_, drive, why) => {
    const { message, machine } = await run({ yes: true, force: true }, { machine: new FakeMachine([drive]) });
    expect(message).toMatch(why);
    expect(machine.opened).toEqual([]);
  });

  it('that the image lies on are refused', async () => {
    const volume = {
      path: '/dev/sdb1',
      type: 'part',
      sizeBytes: 1,
      fsType: 'vfat',
      label: undefined,
      mountPoints: ['/media/card'],
    };
    const machine = new FakeMachine([usbStick('/dev/sdb', { volumes: [volume] })]);
    machine.place = { identity: 'file', mountPoints: ['/media/card'] };
    expect((await run({ yes: true }, { machine })).message).toMatch(/the image itself lies on it/);
  });

  it('that are too small for the partitions of an image of unknown size are refused', async () => {
    const image = new FakeImage(IMAGE, { size: 'unknown', leastSizeBytes: 32 * GB });
    expect((await run({ yes: true }, { image })).message).toMatch(/the image needs 32000000000/);
  });

  it('that are busy fail alone', async () => {
    const machine = new FakeMachine([usbStick('/dev/sdb'), usbStick('/dev/sdc')]);
    machine.busy = ['/dev/sdb'];
    const { verdicts } = await run({ drives: ['/dev/sdb', '/dev/sdc'], yes: true }, { machine });
    expect(verdicts.map(({ kind, drive }) => `${drive} ${kind}`)).toEqual([
      '/dev/sdb failed',
      '/dev/sdc written',
    ]);
  });

  it('that are mounted are unmounted once they may be erased', async () => {
    const volume = {
      path: '/dev/sdb1',
      type: 'part',
      sizeBytes: 1,
      fsType: 'vfat',
      label: undefined,
      mountPoints: ['/media/card'],
    };
    const machine = new FakeMachine([usbStick('/dev/sdb', { volumes: [volume] })]);
    const { events } = await run({ yes: true }, { machine });
    expect(machine.unmounted).toEqual(['/media/card']);
    expect(events).toContainEqual({ type: 'unmounted', drive: '/dev/sdb', mountPoints: ['/media/card'] });
  });
});

describe('a dry run', () => {
  it('plans, and neither asks nor opens', async () => {
    const person = new FakePerson({ confirms: true });
    const { events, machine, image } = await run({ dryRun: true }, { person });
    expect(events).toMatchObject([{ type: 'planned', plan: { image: 'os.img', imageBytes: IMAGE.length } }]);
    expect(person.asked).toEqual([]);
    expect(machine.opened).toEqual([]);
    expect(image.closed).toBe(true);
  });
});

describe('standard input', () => {
  it('cannot bring both the image and the Wi-Fi key', async () => {
    const settings = {
      given: { wifi: { ssid: Buffer.from('home'), key: { kind: 'stdin' as const } } },
      from: undefined,
    };
    const { exitCode, message } = await run({ yes: true, image: { ...REQUEST.image, image: '-' }, settings });
    expect(exitCode).toBe(ExitCode.usage);
    expect(message).toMatch(/both come from standard input/);
  });
});
