import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const FOLDER = fileURLToPath(new URL('../../../supervisor/', import.meta.url));
const COMPILERS = ['x86_64-linux-gnu', 'i686-linux-gnu', 'arm-linux-gnueabi', 'aarch64-linux-gnu'];
/** Another version writes other instructions. */
const VERSION = '12.2.0';
const versionOf = (compiler: string): string =>
  existsSync(compiler) ? execFileSync(compiler, ['-dumpfullversion'], { encoding: 'utf8' }).trim() : '';
const canBuild = COMPILERS.every((prefix) => versionOf(`/usr/bin/${prefix}-gcc`) === VERSION);

/** Machine numbers of the ELF format. */
const PROGRAMS = [
  { name: 'amd64', bits: 64, machine: 62 },
  { name: '386', bits: 32, machine: 3 },
  { name: 'arm', bits: 32, machine: 40 },
  { name: 'arm64', bits: 64, machine: 183 },
] as const;

const INTERPRETER = 3;

/** The types of its program headers. */
function headerTypes(elf: Buffer, bits: 32 | 64): number[] {
  const start = bits === 64 ? Number(elf.readBigUInt64LE(32)) : elf.readUInt32LE(28);
  const [size, count] =
    bits === 64 ? [elf.readUInt16LE(54), elf.readUInt16LE(56)] : [elf.readUInt16LE(42), elf.readUInt16LE(44)];
  return Array.from({ length: count }, (_, index) => elf.readUInt32LE(start + index * size));
}

describe.each(PROGRAMS)('the committed supervisor for $name', ({ name, bits, machine }) => {
  const elf = readFileSync(join(FOLDER, 'bin', `rdt-init-${name}`));

  it('is a program for that processor that needs no other file', () => {
    expect(elf.subarray(0, 4).toString('latin1')).toBe('\x7fELF');
    expect(elf[4]).toBe(bits / 32);
    expect(elf.readUInt16LE(18)).toBe(machine);
    expect(headerTypes(elf, bits)).not.toContain(INTERPRETER);
  });

  it('is a few kilobytes', () => {
    expect(elf.length).toBeLessThan(8 * 1024);
  });
});

describe.skipIf(!canBuild)('with the compilers of Debian 12', () => {
  it('the source gives the committed programs again', () => {
    const out = mkdtempSync(join(tmpdir(), 'rdt-supervisor-'));
    try {
      execFileSync(join(FOLDER, 'build.sh'), [out], { stdio: 'pipe' });
      for (const { name } of PROGRAMS) {
        const file = `rdt-init-${name}`;
        expect(readFileSync(join(out, file)).equals(readFileSync(join(FOLDER, 'bin', file))), file).toBe(
          true,
        );
      }
    } finally {
      rmSync(out, { recursive: true });
    }
  });
});
