import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { lookAtTriggers } from '../../../src/watch/look-at-triggers.js';
import { TriggerLook } from '../../../src/watch/trigger-look.js';
import type { Session } from '../../../src/watch/watch-deps.js';
import { WatchMemory } from '../../../src/watch/watch-memory.js';
import { temporaryFolder } from '../build/temporary-folder.js';

it('a project file that changed is found again by the next session, until it is taken over', async () => {
  const folder = temporaryFolder({ Dockerfile: '1' });
  const triggers = new TriggerLook(folder, [], () => Date.now());
  const { signal } = new AbortController();
  await triggers.look(signal);
  const memory = new WatchMemory();
  const session = {
    memory,
    held: { signal },
    folder: { edition: () => Promise.resolve(0) },
    projectHasChanged: () => Promise.resolve(true),
  } as unknown as Session;
  writeFileSync(join(folder, '.resin-sync.yml'), 'ignore: []\n');
  const broken = { ...session, projectHasChanged: () => Promise.reject(new Error('the session has ended')) };
  await expect(lookAtTriggers(broken, triggers)).rejects.toThrow('the session has ended');
  for (let attempt = 1; attempt <= 2; attempt++)
    expect((await lookAtTriggers(session, triggers)).verdict).toBe('project-changed');
});
