import { describe, expect, it } from 'vitest';
import type { BootFiles } from '../../src/image/boot-files.js';

const text = (content: string): Buffer => Buffer.from(content);

/** What `BootFiles` promises. `make` gives a partition with `/config.json` (`{}`) and `/system-connections/resin-sample` (`x`). */
export function describeBootFiles(name: string, make: () => Promise<BootFiles>): void {
  describe(`${name} as boot files`, () => {
    it('reads a file, and nothing where there is none', async () => {
      const files = await make();
      expect(await files.read('/config.json')).toEqual(text('{}'));
      expect(await files.read('/missing')).toBeUndefined();
      expect(await files.read('/missing/deeper')).toBeUndefined();
      expect(await files.read('/system-connections')).toBeUndefined();
    });

    it('lists a directory, and nothing where there is none', async () => {
      const files = await make();
      expect(await files.list('/system-connections')).toEqual([
        { name: 'resin-sample', kind: 'file', sizeBytes: 1 },
      ]);
      const root = await files.list('/');
      expect(root).toContainEqual({ name: 'config.json', kind: 'file', sizeBytes: 2 });
      expect(root).toContainEqual({ name: 'system-connections', kind: 'directory', sizeBytes: 0 });
      expect(await files.list('/missing')).toBeUndefined();
    });

    it('replaces and creates files byte for byte, with their directories', async () => {
      const files = await make();
      const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256));
      await files.replace('/config.json', bytes);
      await files.replace("/system-connections/a file; with '$(odd)' letters", text('odd'));
      await files.replace('/new/er/file', text(''));
      expect(await files.read('/config.json')).toEqual(bytes);
      expect(await files.read('/new/er/file')).toEqual(text(''));
      const names = (await files.list('/system-connections'))?.map((entry) => entry.name);
      expect(names?.sort()).toEqual(["a file; with '$(odd)' letters", 'resin-sample']);
    });

    it('removes a file, and does not mind when it is gone', async () => {
      const files = await make();
      await files.remove('/system-connections/resin-sample');
      await files.remove('/system-connections/resin-sample');
      expect(await files.read('/system-connections/resin-sample')).toBeUndefined();
    });
  });
}
