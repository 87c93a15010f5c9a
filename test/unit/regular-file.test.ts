import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readRegularFile } from '../../src/regular-file.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdt-regular-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a file that a person wrote', () => {
  it('is read to its end', () => {
    writeFileSync(join(folder, 'file'), Buffer.from([0xff, 0, 1]));
    expect(readRegularFile(join(folder, 'file'))).toEqual(Buffer.from([0xff, 0, 1]));
  });

  it('has the code of the file system when it is not there', () => {
    expect(() => readRegularFile(join(folder, 'none'))).toThrow('ENOENT');
  });

  it('may be a folder in the end', () => {
    expect(() => readRegularFile(folder)).toThrow(`${folder} is no file`);
  });

  it.skipIf(process.platform === 'win32')('is not waited for when it is a FIFO or a device', () => {
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    expect(() => readRegularFile(join(folder, 'fifo'))).toThrow('is no file');
    expect(() => readRegularFile('/dev/zero')).toThrow('is no file');
  });
});
