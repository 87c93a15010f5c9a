/** A device number as lsblk, mountinfo and sysfs write it (`8:17`), from `stat`'s packed one (glibc's gnu_dev_major and -minor). */
export function deviceNumberOf(packed: number): string {
  const value = BigInt(packed);
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xfffff000n);
  const minor = (value & 0xffn) | ((value >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}
