import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { RdtError } from '../../../src/errors.js';
import type { DriveVerdict, FlashEvent, FlashPlan, FlashProgress } from '../../../src/image/flash-event.js';
import { FlashMeter } from '../../../src/image/flash-meter.js';
import { createFlashView, type FlashViewOptions } from '../../../src/ui/flash-view.js';
import { usbStick } from './fake-machine.js';

const PLAN: FlashPlan = {
  image: 'os.img',
  formats: ['raw'],
  imageBytes: 600e6,
  mapOrigin: 'holes',
  mappedBytes: 200e6,
  rangeCount: 26,
  drives: [usbStick('/dev/sdb')],
  verify: true,
  configure: false,
  notes: ['The program xz is not installed.'],
};

const WRITTEN: DriveVerdict = {
  kind: 'written',
  drive: '/dev/sdb',
  imageBytes: 600e6,
  writtenBytes: 200e6,
  rangeCount: 26,
  verifiedBytes: 200e6,
  seconds: 5,
};

const progress = (doneBytes: number, changes: Partial<FlashProgress> = {}): FlashEvent => ({
  type: 'progress',
  progress: {
    drive: '/dev/sdb',
    phase: 'writing',
    doneBytes,
    totalBytes: 200e6,
    packedFraction: undefined,
    ...changes,
  },
});

class Screen {
  nowMs = 0;
  private readonly streams = { stdout: new PassThrough(), stderr: new PassThrough() };
  private readonly emit;

  constructor(options: Partial<FlashViewOptions> = {}, isTTY = false) {
    const clock = { monotonicMs: () => this.nowMs, wallMs: () => 0, sleep: () => Promise.resolve() };
    const runtime = { ...this.streams, env: {}, clock };
    Object.assign(this.streams.stderr, { isTTY, columns: 120 });
    this.emit = createFlashView(runtime, { json: false, dryRun: false, ...options });
  }

  show(event: FlashEvent, atMs = this.nowMs): this {
    this.nowMs = atMs;
    this.emit(event);
    return this;
  }

  take(stream: 'stdout' | 'stderr'): string {
    return String(this.streams[stream].read() ?? '');
  }
}

describe('the view', () => {
  it('says what matters of the image, and why not all of it', () => {
    const screen = new Screen().show({ type: 'planned', plan: PLAN });
    expect(screen.take('stderr')).toBe(
      'note: The program xz is not installed.\n' +
        'os.img (raw, 600.0 MB, of which 200.0 MB in 26 ranges matter: the rest are holes)\n',
    );
  });

  it('without a terminal prints a line for each phase, and one every ten seconds', () => {
    const screen = new Screen();
    for (let second = 0; second <= 25; second += 1) screen.show(progress(second * 4e6), second * 1000);
    screen.show(progress(0, { phase: 'verifying' }));
    expect(screen.take('stderr').split('\n')).toEqual([
      '/dev/sdb  writing    0 %  0 B of 200.0 MB',
      '/dev/sdb  writing   20 %  40.0 MB of 200.0 MB  4.0 MB/s  40.0 s left',
      '/dev/sdb  writing   40 %  80.0 MB of 200.0 MB  4.0 MB/s  30.0 s left',
      '/dev/sdb  verifying    0 %  0 B of 200.0 MB',
      '',
    ]);
  });

  it('on a terminal draws a line for each drive, and the verdict above', () => {
    const screen = new Screen({}, true).show(progress(0), 0).show(progress(100e6), 5000);
    expect(screen.take('stderr')).toContain(
      '/dev/sdb  writing      [##########          ]   50 %  100.0 MB of 200.0 MB  20.0 MB/s  5.0 s left',
    );
  });

  it('prints results on stdout and failures on stderr, with what is left on the card', () => {
    const screen = new Screen();
    screen.show({
      type: 'verdict',
      verdict: WRITTEN,
    });
    screen.show({
      type: 'verdict',
      verdict: {
        kind: 'failed',
        drive: '/dev/sdc',
        phase: 'writing',
        error: new RdtError('it is full', { hint: 'Try another.' }),
      },
    });
    screen.show({
      type: 'verdict',
      verdict: { kind: 'failed', drive: '/dev/sdd', phase: 'opening', error: new RdtError('it is busy') },
    });
    expect(screen.take('stdout')).toBe(
      '/dev/sdb: written and verified: 200.0 MB of 600.0 MB (26 mapped ranges) in 5.0 s\n',
    );
    expect(screen.take('stderr')).toBe(
      'failed /dev/sdc: it is full\n  Try another.\n  It is incomplete; its first MiB was left empty, so that it does not half-boot.\n' +
        'failed /dev/sdd: it is busy\n  Nothing was written to it.\n',
    );
  });

  it('of a dry run is a result, with what is on the drives', () => {
    const screen = new Screen({ dryRun: true }).show({ type: 'planned', plan: PLAN });
    expect(screen.take('stdout')).toMatch(
      /would erase \/dev\/sdb {2}16\.0 GB {2}Generic Card {2}usb\n {2}\/dev\/sdb1 .*"OLD"\n.*\nnothing was written\n/,
    );
  });

  it('writes names from a card so that a terminal does not act on them', () => {
    const volume = {
      path: '/dev/sdb1',
      type: 'part',
      sizeBytes: 1,
      fsType: 'vfat',
      label: '\u001b[2J',
      mountPoints: [],
    };
    const drives = [usbStick('/dev/sdb', { volumes: [volume] })];
    const screen = new Screen({ dryRun: true }).show({ type: 'planned', plan: { ...PLAN, drives } });
    expect(screen.take('stdout')).not.toContain('\u001b');
  });

  it.each([false, true])('writes names of files and drives so, too, on a terminal: %s', (isTTY) => {
    const name = 'os\u001b[2J\u009b5m\u202e.img';
    const screen = new Screen({ dryRun: true }, isTTY);
    const error = new RdtError(`cannot read ${name}`, { hint: `Mend ${name}.` });
    screen.show({
      type: 'planned',
      plan: { ...PLAN, image: name, notes: [`${name} is old.`], drives: [usbStick(name)] },
    });
    screen.show(progress(0, { drive: name }));
    screen.show({ type: 'unmounted', drive: name, mountPoints: [] });
    screen.show({ type: 'interrupted', drives: [name] });
    screen.show({ type: 'verdict', verdict: { kind: 'failed', drive: name, error, phase: 'opening' } });
    screen.show({ type: 'verdict', verdict: { ...WRITTEN, drive: name } });
    const shown = screen.take('stdout') + screen.take('stderr');
    expect(shown).not.toContain('\u001b[2J');
    expect(shown).not.toMatch(/[\u009b\u202e]/);
  });

  it('as JSON is one object a line, at most two a second for a drive', () => {
    const screen = new Screen({ json: true });
    for (let at = 0; at <= 1000; at += 100) screen.show(progress(at * 1000), at);
    const lines = screen
      .take('stdout')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ doneBytes }) => doneBytes)).toEqual([0, 500_000, 1_000_000]);
    expect(lines[2]).toMatchObject({
      type: 'progress',
      drive: '/dev/sdb',
      phase: 'writing',
      bytesPerSecond: 1e6,
    });
  });
});

describe('the meter', () => {
  const at = (doneBytes: number, changes: Partial<FlashProgress> = {}): FlashProgress => ({
    drive: 'd',
    phase: 'writing',
    doneBytes,
    totalBytes: 100,
    packedFraction: undefined,
    ...changes,
  });

  it('forgets how fast it was five seconds ago', () => {
    const meter = new FlashMeter();
    meter.update(at(0), 0);
    meter.update(at(90), 1000);
    expect(meter.update(at(95), 6000)).toMatchObject({
      bytesPerSecond: 1,
      secondsLeft: expect.closeTo(5) as number,
    });
  });

  it('starts anew with each phase', () => {
    const meter = new FlashMeter();
    meter.update(at(0), 0);
    meter.update(at(100), 1000);
    expect(meter.update(at(0, { phase: 'verifying' }), 1000)).toEqual({
      bytesPerSecond: undefined,
      secondsLeft: undefined,
      fraction: 0,
    });
  });

  it('goes by the packed bytes while the size of the image is unknown', () => {
    const meter = new FlashMeter();
    meter.update(at(0, { totalBytes: undefined, packedFraction: 0 }), 0);
    const pace = meter.update(at(500, { totalBytes: undefined, packedFraction: 0.25 }), 1000);
    expect(pace).toEqual({ bytesPerSecond: 500, secondsLeft: 3, fraction: 0.25 });
  });
});
