import { execFileSync } from 'node:child_process';
import { readFileSync, truncateSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MIB } from '../unit/image-flash/test-image.js';
import { FlashFixture, INSIST, IMAGE, isUntouched, OLD } from './flash-fixture.js';
import { type FlashRig, type LoopDrive, rdtFlash } from './flash-rig.js';

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

describe('a card that is set up while it is written', () => {
  const CONFIG = { hostname: 'old', deviceType: 'raspberrypi3', uuid: 'f00' };

  /** The image with a FAT boot partition that holds `config.json`. */
  function bootable(): Buffer {
    const volume = rig.write('boot.fat', '');
    truncateSync(volume, 16 * MIB);
    execFileSync('mkfs.vfat', ['-F', '16', '-n', 'resin-boot', volume], { stdio: 'ignore' });
    execFileSync('mcopy', ['-i', volume, rig.write('config.json', JSON.stringify(CONFIG)), '::/config.json']);
    const image = Buffer.from(IMAGE);
    readFileSync(volume).copy(image, MIB);
    return image;
  }

  it.each(['raw', 'gz'])('from %s boots with the new settings, and nothing else differs', async (format) => {
    const content = bootable();
    const image = rig.write(`boot.${format}`, format === 'raw' ? content : gzipSync(content));
    const settings = ['--hostname', 'kitchen', '--wifi-ssid', 'home', '--wifi-key', 'correct horse'];
    const { exitCode, stderr } = await rdtFlash([image, '-d', drive.path, ...INSIST, ...settings]);
    expect(stderr).toMatch(/configuring/);
    expect(exitCode).toBe(0);
    const volume = rig.write('boot.back', drive.read(MIB, 16 * MIB));
    execFileSync('fsck.vfat', ['-n', volume]);
    const config = JSON.parse(execFileSync('mtype', ['-i', volume, '::/config.json']).toString()) as unknown;
    expect(config).toEqual({ ...CONFIG, hostname: 'kitchen' });
    const profile = execFileSync('mtype', ['-i', volume, '::/system-connections/resin-wifi']).toString();
    expect(profile).toMatch(/psk=correct horse/);
    expect(drive.read(0, MIB).equals(content.subarray(0, MIB))).toBe(true);
    expect(drive.read(17 * MIB, IMAGE.length - 17 * MIB).equals(content.subarray(17 * MIB))).toBe(true);
  });

  it('is not touched when the settings are wrong, or the image has no boot partition', async () => {
    drive.fill(OLD);
    const wrong = await rdtFlash([raw, '-d', drive.path, ...INSIST, '--hostname', 'not a host name']);
    expect(wrong.exitCode).toBe(2);
    const { exitCode, stderr } = await rdtFlash([raw, '-d', drive.path, ...INSIST, '--hostname', 'kitchen']);
    expect(stderr).toMatch(/boot partition/);
    expect(exitCode).toBe(1);
    expect(isUntouched(drive)).toBe(true);
  });
});
