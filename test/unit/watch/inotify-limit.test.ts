import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

/** A user namespace has limits of its own, which may be lowered without touching anybody else's. */
const canLimit =
  spawnSync('unshare', ['-Ur', 'test', '-w', '/proc/sys/user/max_inotify_watches']).status === 0;

describe.skipIf(!canLimit)('at the real limits of inotify', () => {
  it.each([
    ['max_inotify_watches', '30', 'fs.inotify.max_user_watches=524288'],
    ['max_inotify_instances', '0', 'fs.inotify.max_user_instances=1024'],
  ])(
    'a folder is polled from there on, and the command is told that raises it (%s)',
    async (limit, value, advice) => {
      const { watching, warnings } = await watchLimited(limit, value);
      expect(watching).toBe('polling every 1 s');
      expect(warnings).toEqual([expect.stringContaining(advice)]);
    },
  );
});

async function watchLimited(limit: string, value: string): Promise<{ watching: string; warnings: string[] }> {
  const program = join(import.meta.dirname, 'watch-at-limit.ts');
  const script = `echo "$1" > "/proc/sys/user/$2" && exec "$3" --import tsx "$4"`;
  const argv = ['-Ur', 'sh', '-c', script, 'sh', value, limit, process.execPath, program];
  const { stdout } = await promisify(execFile)('unshare', argv);
  return JSON.parse(stdout) as { watching: string; warnings: string[] };
}
