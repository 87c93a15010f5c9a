import { afterAll, expect, vi } from 'vitest';
import { FatTools, VOLUMES } from './medium/fat-tools.js';
import {
  EDITS,
  expectRenamed,
  expectSurvived,
  OLD,
  prefixes,
  RENAMES,
  record,
  volumesAfter,
} from './medium/power-cut.js';
import { FAT_PROGRAMS, withPrograms } from './medium/with-programs.js';

const { describe, it } = withPrograms(...FAT_PROGRAMS);
// The programs of Debian that judge here wait for a processor like everybody.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

// test/e2e/configure-power-cut.test.ts goes further: FAT32, and lost writes in every order.
const tools = new FatTools();
afterAll(() => tools[Symbol.dispose]());

describe('a power cut on FAT16', () => {
  it.each(EDITS)('after any write of $name leaves old or new', async (edit) => {
    const base = tools.make(VOLUMES.fat16, edit.files);
    const writes = await record(tools, base, edit.apply);
    expect(writes.length).toBeGreaterThan(2);
    for (const volume of volumesAfter(base, prefixes(writes)))
      await expectSurvived(tools, volume, edit.allowed);
  });

  it.each(RENAMES)(
    'after any write of a rename $name leaves one name at least',
    { timeout: 60_000 },
    async (rename) => {
      const base = tools.make(VOLUMES.fat16, rename.files);
      const writes = await record(tools, base, (volume) => volume.rename(rename.from, rename.to));
      for (const volume of volumesAfter(base, prefixes(writes)))
        await expectRenamed(tools, volume, rename.from, rename.to);
    },
  );
});

it('renames in one sector by a single write', async () => {
  const base = tools.make(VOLUMES.fat16, { '/resin-sample': OLD });
  const writes = await record(tools, base, (volume) =>
    volume.rename('/resin-sample', '/resin-sample.ignore'),
  );
  expect(writes).toHaveLength(1);
});
