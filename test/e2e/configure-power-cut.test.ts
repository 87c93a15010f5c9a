import { afterAll, describe, it } from 'vitest';
import { FatTools, VOLUMES } from '../unit/image/medium/fat-tools.js';
import type { RecordedWrite } from '../unit/image/medium/memory-device.js';
import {
  EDITS,
  expectRenamed,
  expectSurvived,
  prefixes,
  RENAMES,
  record,
  reorderings,
  volumesAfter,
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
    for (const volume of volumesAfter(base, prefixes(writes)))
      await expectSurvived(tools, volume, edit.allowed);
  });

  it.each(EDITS)('with any of the unsynced writes of $name lost leaves old or new', async (edit) => {
    const base = tools.make(options, edit.files);
    const writes = await record(tools, base, edit.apply);
    for (const volume of volumesAfter(base, reorderings(writes)))
      await expectSurvived(tools, volume, edit.allowed);
  });

  describe.each(RENAMES)('a rename $name', ({ files, from, to }) => {
    const recorded = async (): Promise<{ base: Buffer; writes: readonly RecordedWrite[] }> => {
      const base = tools.make(options, files);
      return { base, writes: await record(tools, base, (volume) => volume.rename(from, to)) };
    };

    it('leaves one name at least after any write', async () => {
      const { base, writes } = await recorded();
      for (const volume of volumesAfter(base, prefixes(writes))) await expectRenamed(tools, volume, from, to);
    });

    it('leaves one name at least with any of the unsynced writes lost', async () => {
      const { base, writes } = await recorded();
      for (const volume of volumesAfter(base, reorderings(writes)))
        await expectRenamed(tools, volume, from, to);
    });
  });
});
