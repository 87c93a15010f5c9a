import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { LocalHolder } from '../../../src/push/os/local-holder.js';

/** The id of a process that was there a moment ago. */
async function endedPid(): Promise<number> {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(child, 'exit');
  return child.pid ?? 0;
}

describe.each([
  ['of this system', process.platform],
  ['of one without /proc', 'darwin'],
] as const)('a holder %s', (_, platform) => {
  const holderWith = (pid: number) => new LocalHolder('anna@laptop', platform, pid);
  const mine = holderWith(process.pid);

  it('that runs has not ended', () => {
    expect(mine.hasEnded(mine.process)).toBe(false);
  });

  it('has ended when its process has', async () => {
    expect(mine.hasEnded(holderWith(await endedPid()).process)).toBe(true);
  });

  it('of another computer is not known to have ended, whatever its process id', async () => {
    const process = `${'0'.repeat(32)}/${await endedPid()}`;
    expect(mine.hasEnded(process)).toBe(false);
  });

  it.each(['', '/0', '/-1', '/x'])('is not known to have ended by `%s`', (end) => {
    expect(mine.hasEnded(mine.process.replace(/\/.*/, end))).toBe(false);
  });
});
