import { readFileSync } from 'node:fs';

/** By bit, as in linux/capability.h. */
const CAPABILITIES = [
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE',
  'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN',
  'SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE',
  'MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE',
].flatMap((line) => line.split(' '));

/** What the kernel knows and this process may not pass on: a machine in a sandbox lacks some even for root. */
export function missingCapabilities(): string[] {
  const [, mask = '0'] = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  const last = Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'));
  const known = CAPABILITIES.slice(0, last + 1);
  return known
    .filter((_, bit) => ((BigInt(`0x${mask}`) >> BigInt(bit)) & 1n) === 0n)
    .map((name) => `CAP_${name}`);
}
