import { afterAll, describe, it } from 'vitest';
import { FatTools, VOLUMES } from '../unit/image/medium/fat-tools.js';
import { replay } from '../unit/image/medium/memory-device.js';
import {
  EDITS,
  expectRenamed,
  expectSurvived,
  prefixes,
  RENAMES,
  record,
  reorderings,
} from '../unit/image/medium/power-cut.js';

const tools = new FatTools();
afterAll(() => tools[Symbol.dispose]());

describe.each([
  ['FAT16', VOLUMES.fat16],
  ['FAT32', VOLUMES.fat32],
] as const)('a power cut on %s', (_, options) => {
  it.each(EDITS)('after any write of $name leaves old or new', async (edit) => {
    const base = tools.make(options, edit.files);
    const writes = await record(tools, base, edit.apply);
    for (const bytes of prefixes(base, writes)) await expectSurvived(tools, bytes, edit.allowed);
  });

  // What is particular to FAT32 (FSINFO, wider entries) shows in the first of them; the others cost minutes there.
  it.each(options.type === 32 ? EDITS.slice(0, 1) : EDITS)(
    'with any of the unsynced writes of $name lost leaves old or new',
    async (edit) => {
      const base = tools.make(options, edit.files);
      const writes = await record(tools, base, edit.apply);
      for (const survivors of reorderings(writes)) {
        await expectSurvived(tools, replay(base, survivors), edit.allowed);
      }
    },
  );

  it.each(RENAMES)('after any write of a rename $name leaves one name at least', async (rename) => {
    const base = tools.make(options, rename.files);
    const writes = await record(tools, base, (volume) => volume.rename(rename.from, rename.to));
    for (const bytes of prefixes(base, writes)) await expectRenamed(tools, bytes, rename.from, rename.to);
  });
});
