import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DRIVE_BYTES, FlashFixture, INSIST, holdsImage, IMAGE, isUntouched, OLD } from './flash-fixture.js';
import { type FlashRig, type LoopDrive, rdtFlash, rdtFlashOnTerminal } from './flash-rig.js';

let fixture: FlashFixture;
let rig: FlashRig;
let drive: LoopDrive;
let raw: string;

beforeAll(() => {
  fixture = new FlashFixture();
  rig = fixture.rig;
  drive = fixture.drive;
  raw = fixture.raw;
});
afterAll(() => fixture[Symbol.dispose]());

describe('consent', () => {
  it('without a terminal and without --yes is a usage error', async () => {
    drive.fill(OLD);
    const { exitCode, stderr } = await rdtFlash([raw, '-d', drive.path]);
    expect(stderr).toMatch(/--yes/);
    expect(exitCode).toBe(2);
    expect(isUntouched(drive)).toBe(true);
  });

  it('for a drive that is not removable takes --force beside --yes', async () => {
    const { exitCode, stderr } = await rdtFlash([raw, '-d', drive.path, '--yes']);
    expect(stderr).toMatch(/needs more than --yes: it is not a removable drive/);
    expect(exitCode).toBe(2);
  });

  it('on a terminal names the drive, its size and what is on it; declined, nothing is written', async () => {
    const stick = rig.drive('stick', DRIVE_BYTES);
    execFileSync('mke2fs', ['-q', '-t', 'ext4', '-L', 'holiday', stick.path]);
    const before = stick.read(0, DRIVE_BYTES);
    const { exitCode, stdout } = await rdtFlashOnTerminal(
      [raw, '-d', rig.alias(stick)],
      [{ when: /\(y\/N\)/, type: 'n\r' }],
      asUsbStick(stick),
    );
    expect(stdout).toMatch(/33\.6 MB {2}Generic Card {2}usb[^]*ext4 "holiday"/);
    expect(stdout).toMatch(/nothing was written/);
    expect(exitCode).toBe(1);
    expect(stick.read(0, DRIVE_BYTES).equals(before)).toBe(true);
  });

  it('on a terminal is given with y', async () => {
    const stick = rig.drive('stick2', DRIVE_BYTES);
    const steps = [{ when: /\(y\/N\)/, type: 'y\r' }];
    const { exitCode, stdout } = await rdtFlashOnTerminal(
      [raw, '-d', rig.alias(stick)],
      steps,
      asUsbStick(stick),
    );
    expect(stdout).toContain('written and verified');
    expect(exitCode).toBe(0);
    expect(holdsImage(stick)).toBe(true);
  });

  it('on a terminal is asked for by a list, in which a drive appears when it is plugged in', async () => {
    const stick = rig.drive('stick3', DRIVE_BYTES);
    const present = rig.path('present');
    const steps = [
      { when: /Plug in a card/, then: () => writeFileSync(present, '') },
      { when: /> .*stick-loop.*Generic Card/, type: '\r' },
      { when: /\(y\/N\)/, type: 'y\r' },
    ];
    const { exitCode, stdout } = await rdtFlashOnTerminal(
      [raw],
      steps,
      asUsbStick(stick, `[ -e ${present} ] || { echo '{"blockdevices":[]}'; exit; }`),
    );
    expect(stdout).toContain('written and verified');
    expect(exitCode).toBe(0);
    expect(holdsImage(stick)).toBe(true);
  });

  it('on a terminal is not given by Ctrl-C', async () => {
    drive.fill(OLD);
    const steps = [{ when: /type its name:/, type: '\u0003' }];
    const { exitCode, stdout } = await rdtFlashOnTerminal([raw, '-d', drive.path], steps);
    expect(stdout).toContain('interrupted: nothing was written');
    expect(exitCode).toBe(130);
    expect(isUntouched(drive)).toBe(true);
  });

  it('for a drive that is not removable takes its name', async () => {
    drive.fill(OLD);
    const wrong = await rdtFlashOnTerminal(
      [raw, '-d', drive.path],
      [{ when: /type its name:/, type: 'yes\r' }],
    );
    expect(wrong.stdout).toMatch(/type its name/);
    expect(wrong.exitCode).toBe(1);
    expect(isUntouched(drive)).toBe(true);
  });

  /** PATH with an lsblk that shows the loop device as a USB stick (FLASH.md). */
  function asUsbStick(stick: LoopDrive, before = ''): Record<string, string> {
    const path = rig.alias(stick);
    const real = execFileSync('which', ['lsblk']).toString().trim();
    const listed = JSON.parse(
      execFileSync(real, ['--bytes', '--all', '--json', '--paths', '--output-all', stick.path]).toString(),
    ) as {
      blockdevices: Record<string, unknown>[];
    };
    const stub = listed.blockdevices.map((device) => ({
      ...device,
      name: path,
      path,
      kname: '/dev/sdz',
      type: 'disk',
      fstype: 'ext4',
      label: 'holiday',
      rm: true,
      hotplug: true,
      tran: 'usb',
      vendor: 'Generic',
      model: 'Card',
    }));
    const folder = rig.program(
      'lsblk',
      `${before}\ncat <<'END'\n${JSON.stringify({ blockdevices: stub })}\nEND`,
    );
    return { PATH: `${folder}:${process.env['PATH'] ?? ''}` };
  }
});

describe('a dry run', () => {
  it('says what would be written, and writes nothing', async () => {
    drive.fill(OLD);
    const { exitCode, stdout } = await rdtFlash([raw, '-d', drive.path, '--dry-run']);
    expect(stdout).toMatch(new RegExp(`would erase ${drive.path}[^]*nothing was written`));
    expect(exitCode).toBe(0);
    expect(isUntouched(drive)).toBe(true);
  });
});

describe('events', () => {
  it('are one JSON object a line, the verdict last', async () => {
    const { stdout, stderr } = await rdtFlash([raw, '-d', drive.path, ...INSIST, '--json']);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(stderr).toBe('');
    expect(events[0]).toMatchObject({ type: 'plan', formats: ['raw'], imageBytes: IMAGE.length });
    expect(events.filter(({ type }) => type === 'progress').map(({ phase }) => phase)).toContain('verifying');
    expect(events.at(-1)).toMatchObject({
      type: 'verdict',
      kind: 'written',
      drive: drive.path,
      verifiedBytes: IMAGE.length,
    });
  });
});
