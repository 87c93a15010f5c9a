import { chmodSync, chownSync, mkdirSync, renameSync, utimesSync } from 'node:fs';
import { posix } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { canLink } from '../unit/can-link.js';
import { ChangedMeanwhile } from '../../src/sync/commit-request.js';
import type { Owner } from '../../src/sync/deployment.js';
import type { Container, Engine } from '../../src/transport/engine.js';
import { type CommitWay, SyncedFolder } from './synced-folder.js';

/** Some characters cannot be in its names. */
const onWindows = process.platform === 'win32';

export interface CommitRig extends AsyncDisposable {
  readonly engine: Engine;
  readonly container: Container;
  /** The user that the container runs as. */
  readonly owner: Owner;
  /** False: this way needs a new container for it. */
  readonly canDelete: boolean;
  /** Ready for a commit to that folder when it resolves. */
  open(destination: string): Promise<OpenWay>;
}

export interface OpenWay extends AsyncDisposable {
  readonly commit: CommitWay;
}

/** Each test has a folder of its own in the container: `t1`, `t2` ... */
export const DESTINATIONS = '/usr/src/app';

/** What every way to commit does alike, whatever the container has and lacks. */
export function commitContract(name: string, setUp: () => Promise<CommitRig>): void {
  describe(`a commit by ${name}`, () => {
    let rig: CommitRig;
    let folder: SyncedFolder;
    let tests = 0;
    beforeAll(async () => {
      rig = await setUp();
    });
    afterAll(() => rig[Symbol.asyncDispose]());
    beforeEach(async ({ onTestFinished }) => {
      const destination = `${DESTINATIONS}/t${++tests}`;
      const way = await rig.open(destination);
      folder = new SyncedFolder(rig.engine, rig.container, destination, way.commit);
      folder.owner = rig.owner;
      onTestFinished(async () => {
        folder[Symbol.dispose]();
        await way[Symbol.asyncDispose]();
      });
    });

    it.skipIf(!canLink)('brings files, folders and links with mode, owner, time and every byte', async () => {
      folder.write('a.txt', 'one');
      folder.write('empty', '');
      folder.write('bin/run', Buffer.from([0, 255, 10, 13, 0, 128]), 0o755);
      folder.write(onWindows ? 'a b/$HOME `x`' : 'a b/"quoted" $HOME `x`\\n', 'odd');
      folder.write('.hidden/-rf', 'dash');
      folder.write('grüße/日本', 'utf-8');
      folder.write('secret', 'x', 0o400);
      folder.link('here', 'a.txt');
      folder.link('dangling', 'no/such');
      mkdirSync(folder.path('empty folder'));
      utimesSync(folder.path('a.txt'), 1_000_000_000, 1_000_000_000);
      await folder.sync();
    });

    it('leaves the state that it was given, and nothing of its own', async () => {
      folder.write('a.txt', 'one');
      await folder.sync();
      expect(folder.state).toBe(`l ${folder.remembered?.token ?? ''}`);
      const paths = [...(await folder.deployed()).keys()];
      expect(paths.filter((path) => path.includes('.rdt-'))).toEqual([]);
    });

    it.skipIf(!canLink)(
      'replaces what is there: content, mode, a link by a file and the reverse',
      async () => {
        folder.write('a.txt', 'one');
        folder.write('was a file', 'x');
        folder.link('was a link', 'a.txt');
        folder.link('turned', 'a.txt');
        await folder.sync();
        folder.write('a.txt', 'two, and longer');
        chmodSync(folder.path('a.txt'), 0o600);
        folder.remove('was a file');
        folder.link('was a file', 'a.txt');
        folder.remove('was a link');
        folder.write('was a link', 'now a file');
        folder.remove('turned');
        folder.link('turned', 'was a link');
        await folder.sync();
      },
    );

    it.skipIf(!canLink)(
      'puts a file, and another link, in the place of a link to a folder, not into that folder',
      async () => {
        folder.write('folder/keep', 'x');
        folder.link('to a file', 'folder');
        folder.link('to a link', 'folder');
        folder.write('gone', '');
        await folder.sync();
        folder.remove('to a file');
        folder.write('to a file', 'now a file');
        folder.remove('to a link');
        folder.link('to a link', 'folder/keep');
        if (rig.canDelete) folder.remove('gone');
        await folder.sync();
      },
    );

    it.skipIf(!canLink).each([1, 30])(
      'puts files and links in the place of %i links that lead to themselves, and through a file',
      async (count) => {
        const names = Array.from({ length: count }, (_, n) => String(n));
        folder.write('file', 'x');
        for (const name of names) {
          folder.link(`loop ${name}`, `loop ${name}`);
          folder.link(`through ${name}`, 'file/below');
          folder.link(`turned ${name}`, `turned ${name}`);
        }
        await folder.sync();
        for (const name of names) {
          for (const kind of ['loop', 'through', 'turned']) folder.remove(`${kind} ${name}`);
          folder.link(`new ${name}`, 'nowhere');
          folder.write(`loop ${name}`, 'now a file');
          folder.write(`through ${name}`, 'now a file');
          folder.link(`turned ${name}`, 'file');
        }
        await folder.sync();
      },
    );

    it('changes nothing when a sync that was cut off has come to its end since the container was compared', async () => {
      folder.write('a', 'one');
      await folder.sync();
      if (folder.remembered !== undefined) folder.remembered = { ...folder.remembered, begun: [] };
      folder.write('a', 'two');
      const before = await folder.deployed();
      const end = (): Promise<void> => folder.linkThere('.rdt-state', 'v1.0123456789abcdef');
      await expect(folder.commit(end)).rejects.toThrow(/something else than this push has changed/);
      expect(await folder.deployed()).toEqual(before);
      expect(folder.state).toBe('l v1.0123456789abcdef');
    });

    it('notes what it may have sent when it asks for a new container', async () => {
      const way: CommitWay = () => Promise.resolve({ kind: 'needs-rebuild', reason: 'it is deaf' });
      const other = new SyncedFolder(rig.engine, rig.container, folder.destination, way);
      other.write('a/b', 'x');
      expect(await other.commit()).toMatchObject({ kind: 'needs-rebuild' });
      expect(other.remembered?.begun).toMatchObject([
        { path: 'a', kind: 'directory' },
        { path: 'a/b', kind: 'file' },
      ]);
      other[Symbol.dispose]();
    });

    it('keeps setuid, setgid and sticky bits', async () => {
      folder.write('tool', 'x');
      mkdirSync(folder.path('shared'));
      // As those of their folder, they may be of a group that this user is not in, for which nobody but root may set the bit.
      for (const name of ['tool', 'shared']) chownSync(folder.path(name), -1, process.getegid?.() ?? -1);
      chmodSync(folder.path('tool'), 0o6755);
      chmodSync(folder.path('shared'), 0o3775);
      await folder.sync();
    });

    it.skipIf(onWindows)('takes a name with a line break', async () => {
      folder.write('two\nlines', 'one');
      await folder.sync();
      folder.write('two\nlines', 'other');
      folder.write('beside', 'x');
      await folder.sync();
    });

    it('takes a path of many hundred characters', async () => {
      const deep = Array.from({ length: 6 }, (_, n) => `${n}`.repeat(200)).join('/');
      folder.write(`${deep}/file`, 'deep');
      await folder.sync();
      folder.write(`${deep}/file`, 'deeper');
      await folder.sync();
    });

    for (const count of [17, 400]) {
      it(`takes ${count} files, and new contents for all of them`, async () => {
        for (const round of ['one', 'other']) {
          for (let n = 0; n < count; n++) folder.write(`many/${n % 7}/${n}.js`, `${round} ${n}`);
          await folder.sync();
        }
      });
    }

    it('takes a large file whole, and another in its place', async () => {
      folder.write('large', Buffer.alloc(5 << 20, 'one '));
      await folder.sync();
      folder.write('large', Buffer.alloc(6 << 20, 'two '));
      await folder.sync();
    });

    it('leaves out a file that has gone since it was seen, and says which', async () => {
      folder.write('going', 'x');
      folder.write('staying', 'x');
      const outcome = await folder.commit(() => folder.remove('going'));
      expect(outcome).toMatchObject({ kind: 'committed', packed: { changing: ['going'] } });
      await folder.expectInStep();
    });

    it('puts no file into a folder that the app made at its path', async () => {
      folder.write('taken', 'x');
      await folder.sync();
      await folder.writeThere('lib/taken', 'of the app');
      folder.write('lib', 'a file');
      await folder.commit().catch(() => undefined);
      const there = await folder.deployed();
      expect([...there.keys()].filter((path) => path.startsWith('lib/'))).not.toContain('lib/0');
    });

    for (const count of [1, 20]) {
      it(`neither follows nor replaces a link that the app has put in the place of a folder, with ${count} new contents`, async () => {
        for (let n = 0; n < count; n++) folder.write(`lib/sub/${n}`, 'old');
        await folder.sync();
        await folder.writeThere('elsewhere/sub/of the app', 'x');
        await folder.linkThere('lib', 'elsewhere');
        for (let n = 0; n < count; n++) folder.write(`lib/sub/${n}`, 'new');
        await expect(folder.commit()).rejects.toThrow(ChangedMeanwhile);
        const there = await folder.deployed();
        expect([...there.keys()].filter((path) => path.startsWith('elsewhere/sub/'))).toEqual([
          'elsewhere/sub/of the app',
        ]);
        expect(there.get('lib')).toBe('l elsewhere');
        expect([...there.keys()].filter((path) => path.startsWith('.rdt-'))).toEqual([]);
      });
    }

    for (const count of [1, 20]) {
      for (const inItsPlace of ['an empty folder', 'a file']) {
        it(`sends ${count} new contents to no folder that the app has taken away, with ${inItsPlace} in the place of the one above: the rest would be missing`, async () => {
          for (let n = 0; n < count; n++) folder.write(`lib/sub/${n}`, 'old');
          folder.write('lib/sub/rest', 'x');
          await folder.sync();
          await folder.replaceThere('lib', inItsPlace === 'a file' ? 'file' : 'directory');
          const before = await folder.deployed();
          for (let n = 0; n < count; n++) folder.write(`lib/sub/${n}`, 'new');
          await expect(folder.commit()).rejects.toThrow(ChangedMeanwhile);
          expect(await folder.deployed()).toEqual(before);
        });
      }
    }

    for (const count of [1, 20, 150]) {
      it(`takes no folder away that the app has put in the place of one of ${count} files`, async () => {
        for (let n = 0; n < count; n++) folder.write(`lib/${n}`, 'old');
        await folder.sync();
        await folder.replaceThere('lib/0', 'directory');
        await folder.writeThere('lib/0/of the app', 'x');
        const before = await folder.deployed();
        for (let n = 0; n < count; n++) folder.write(`lib/${n}`, 'new');
        await expect(folder.commit()).rejects.toThrow(
          /the container refused the sync.*\.\/lib\/0 is a folder/,
        );
        expect(await folder.deployed()).toEqual(before);
      });
    }

    it.skipIf(!canLink)('takes no folder away that the app has put in the place of a link', async () => {
      folder.write('a', 'x');
      folder.link('link', 'a');
      await folder.sync();
      await folder.replaceThere('link', 'directory');
      await folder.writeThere('link/of the app', 'x');
      folder.remove('link');
      folder.link('link', 'elsewhere');
      await expect(folder.commit()).rejects.toThrow(/the container refused the sync.*\.\/link is a folder/);
      expect([...(await folder.deployed()).keys()]).toContain('link/of the app');
    });

    for (const now of ['another state', 'none']) {
      it(`changes nothing where the container has ${now} since it was compared`, async () => {
        folder.write('a', 'old');
        await folder.sync();
        if (now === 'none') await folder.replaceThere('.rdt-state', 'directory');
        else await folder.linkThere('.rdt-state', 'v1.another');
        folder.write('a', 'new');
        const before = await folder.deployed();
        await expect(folder.commit()).rejects.toThrow(ChangedMeanwhile);
        expect(await folder.deployed()).toEqual(before);
      });
    }

    for (const count of [1, 20]) {
      it(`leaves a folder above ${count} new contents the owner and mode that the app has given it`, async () => {
        for (let n = 0; n < count; n++) folder.write(`data/sub/${n}`, 'old');
        await folder.sync();
        for (const path of ['data', 'data/sub']) await folder.ownThere(path, { uid: 33, gid: 44 }, 0o770);
        for (let n = 0; n < count; n++) folder.write(`data/sub/${n}`, 'new');
        expect(await folder.commit()).toMatchObject({ kind: 'committed' });
        const there = await folder.deployed();
        expect([there.get('data'), there.get('data/sub')]).toEqual(['d 770 33:44', 'd 770 33:44']);
      });
    }

    it('deletes nothing behind a link that the app has put in the place of a folder', async () => {
      folder.write('lib/sub/gone', 'x');
      folder.write('lib/empty/gone', 'x');
      folder.write('lib/keep', 'x');
      await folder.sync();
      await folder.writeThere('elsewhere/sub/gone', 'of the app');
      await folder.writeThere('elsewhere/empty/x', 'of the app');
      await folder.linkThere('lib', 'elsewhere');
      folder.remove('lib/sub/gone');
      folder.remove('lib/empty');
      await folder.commit();
      expect([...(await folder.deployed()).keys()]).toContain('elsewhere/sub/gone');
    });

    it.skipIf(!canLink)(
      'deletes what has gone, and folders that nobody else has put anything into',
      async () => {
        folder.write('keep', 'x');
        folder.write('gone.txt', 'x');
        folder.write(onWindows ? '-rf/odd name' : '-rf/odd\nname', 'x');
        folder.write('shared/ours', 'x');
        folder.link('link', 'keep');
        await folder.sync();
        await folder.writeThere('shared/of the app', 'x');
        for (const path of ['gone.txt', '-rf', 'shared', 'link']) folder.remove(path);
        const outcome = await folder.commit();
        expect(outcome.kind).toBe(rig.canDelete ? 'committed' : 'needs-rebuild');
        if (!rig.canDelete) return;
        const left = [...(await folder.deployed()).keys()];
        const own = left.filter((path) => !folder.mountPoints().includes(path));
        expect(own.sort()).toEqual(['keep', 'shared', 'shared/of the app']);
      },
    );

    it('renames, also where only the case differs', async () => {
      folder.write('README.md', 'x');
      folder.write('old/a', 'x');
      await folder.sync();
      renameSync(folder.path('README.md'), folder.path('readme.md'));
      renameSync(folder.path('old'), folder.path('new'));
      if (rig.canDelete) await folder.sync();
      else expect(await folder.commit()).toMatchObject({ kind: 'needs-rebuild' });
    });

    for (const kind of ['file', 'link'] as const) {
      it.skipIf(kind === 'link' && !canLink)(
        `refuses a ${kind} where the app has a folder of its own, and changes nothing`,
        async () => {
          folder.write('a', 'one');
          await folder.sync();
          await folder.writeThere('installed/express/index.js', 'of the app');
          folder.write('a', 'two');
          if (kind === 'file') folder.write('installed', 'x');
          else folder.link('installed', 'a');
          const before = await folder.deployed();
          await expect(folder.commit()).rejects.toThrow(/\.\/installed is a folder/);
          expect(await folder.deployed()).toEqual(before);
        },
      );
    }

    describe('a file in the place of a folder', () => {
      /** Nothing of it may be gone when it is refused: the app runs on with it. */
      async function expectUnchanged(inTheWay: RegExp): Promise<void> {
        const before = await folder.deployed();
        const { state } = folder;
        if (rig.canDelete) await expect(folder.commit()).rejects.toThrow(inTheWay);
        else expect(await folder.commit()).toMatchObject({ kind: 'needs-rebuild' });
        expect(await folder.deployed()).toEqual(before);
        expect(folder.state).toBe(state);
      }

      beforeEach(async () => {
        folder.write('a', 'one');
        for (const path of ['sub/x', 'sub/.y', 'sub/..z', 'sub/-rf', 'sub/deep/x', 'sub/[ab] *\\"$x/y'])
          if (!onWindows || !path.includes('*')) folder.write(path, 'x');
        mkdirSync(folder.path('sub/empty'));
        if (!onWindows) folder.write('sub/two\nlines/and\n', 'x');
        await folder.sync();
        folder.write('a', 'two');
        folder.write('b', 'new');
        folder.remove('sub');
        folder.write('sub', 'a file');
      });

      it.each([
        'sub/app',
        'sub/deep/app',
        'sub/deep/.app',
        'sub/deep/..app',
        'sub/empty/app',
        'sub/deep/-rf',
        ...(onWindows ? [] : ['sub/two\nlines/app\n', 'sub/[ab] *\\"$x/*']),
      ])(
        'waits for nothing but what the app itself has there, such as %j, and then changes nothing',
        async (path) => {
          await folder.writeThere(path, 'of the app');
          const name = path.trimEnd().replace(/[[\]*\\$]/g, '\\$&');
          await expectUnchanged(new RegExp(`\\./${name}\\s* is in the way`));
        },
      );

      it('changes nothing where the app has a folder in the place of a file in it', async () => {
        await folder.replaceThere('sub/deep/x', 'directory');
        await expectUnchanged(/\.\/sub\/deep\/x is in the way/);
      });

      it('changes nothing where the app has a link in the place of a folder in it', async () => {
        await folder.replaceThere('sub/deep', 'symlink', '../a');
        await expectUnchanged(/\.\/sub\/deep is in the way/);
      });

      it('changes nothing where the app has a folder in the place of another new file', async () => {
        await folder.replaceThere('b', 'directory');
        await expectUnchanged(/\.\/b is a folder/);
      });

      it('is put there when the app has taken something away before', async () => {
        await folder.replaceThere('sub/deep', 'directory');
        if (rig.canDelete) await folder.sync();
      });
    });

    it('says so when the app has a file in the place of the whole folder', async () => {
      folder.write('a', 'one');
      await folder.sync();
      // Nobody can put anything in the place of a folder with a mount in it.
      if (folder.mountPoints().length > 0) return;
      using above = new SyncedFolder(rig.engine, rig.container, DESTINATIONS, () => folder.commit());
      await above.replaceThere(posix.basename(folder.destination), 'file');
      folder.write('a', 'two');
      const sentBack = async (error: unknown): Promise<unknown> => {
        if (!(error instanceof ChangedMeanwhile)) throw error;
        folder.remembered = undefined;
        return folder.commit();
      };
      await expect(folder.commit().catch(sentBack)).rejects.toMatchObject({
        message: `${folder.destination} in the container is a file, not a folder`,
        hint: expect.stringContaining('--force-build') as string,
      });
    });

    it('refuses a file where the app has a folder of its own, in a folder that is new here and not there', async () => {
      folder.write('a', 'one');
      await folder.sync();
      await folder.writeThere('lib/data/1', 'of the app');
      folder.write('lib/data', 'x');
      await expect(folder.commit()).rejects.toThrow(/\.\/lib\/data is a folder/);
      expect([...(await folder.deployed()).keys()]).toContain('lib/data/1');
    });

    it('refuses a file where the app has a folder of its own, when nobody knows what was sent', async () => {
      folder.write('a', 'one');
      await folder.sync();
      folder.remembered = undefined;
      await folder.writeThere('uploads/1', 'of the app');
      folder.write('uploads', 'x');
      await expect(folder.commit()).rejects.toThrow(/\.\/uploads is a folder/);
      expect([...(await folder.deployed()).keys()]).toContain('uploads/1');
    });

    for (const count of [20, 150]) {
      it(`takes no folder of the app away for one of ${count} new files, and puts none of them in place`, async () => {
        folder.write('a', 'one');
        await folder.sync();
        await folder.writeThere('10/of the app', 'x');
        const before = await folder.deployed();
        folder.write('a', 'two');
        for (let n = 0; n < count; n++) folder.write(`${n}`, 'x');
        await expect(folder.commit()).rejects.toThrow(/the container refused the sync.*\.\/10 is a folder/);
        expect(await folder.deployed()).toEqual(before);
      });
    }

    it('puts what is in a folder beside what the app has in a folder of that name', async () => {
      folder.write('a', 'one');
      await folder.sync();
      await folder.writeThere('lib/of the app', 'x');
      folder.write('lib/ours', 'x');
      expect(await folder.commit()).toMatchObject({ kind: 'committed' });
      const there = [...(await folder.deployed()).keys()];
      expect(there).toEqual(expect.arrayContaining(['lib/of the app', 'lib/ours']));
    });

    it('puts a folder where a file was, and a file where a folder was', async () => {
      folder.write('a', 'file');
      folder.write('b/c/d', 'in a folder');
      folder.write('b/e', 'in a folder');
      await folder.sync();
      folder.remove('a');
      folder.write('a/b', 'in a folder');
      folder.remove('b');
      folder.write('b', 'file');
      if (rig.canDelete) await folder.sync();
      else expect(await folder.commit()).toMatchObject({ kind: 'needs-rebuild' });
    });

    it('puts a folder where a file or a link is, when nobody knows what was sent', async () => {
      folder.write('a', 'file');
      folder.write('b', 'file', 0o600);
      folder.write('elsewhere/1', 'x');
      await folder.sync();
      await folder.linkThere('c', 'elsewhere');
      folder.remembered = undefined;
      for (const path of ['a', 'b']) folder.remove(path);
      folder.write('a/b', 'in a folder');
      mkdirSync(folder.path('b'));
      folder.write('c/d', 'in a folder');
      expect(await folder.commit()).toMatchObject({ kind: 'committed' });
      await folder.expectInStep();
    });

    for (const what of ['an empty folder', 'a folder with something in it']) {
      it(`does not take ${what} for deployed where the app has a file of that name`, async () => {
        folder.write('a', 'one');
        await folder.sync();
        await folder.writeThere('new', 'of the app');
        if (what === 'an empty folder') mkdirSync(folder.path('new'));
        else folder.write('new/b', 'x');
        const outcome = await folder.commit().catch((error: unknown) => error);
        if (outcome instanceof ChangedMeanwhile) return;
        expect(outcome).toMatchObject({ kind: 'committed' });
        await folder.expectInStep();
      });
    }

    it('puts a file where a folder was when its writer is done, and the folder has gone before', async () => {
      folder.write('b/c/d', 'in a folder');
      await folder.sync();
      folder.remove('b');
      folder.write('b', 'is being written');
      const outcome = await folder.commit(() => folder.write('b', ''));
      expect(outcome.kind).toBe(rig.canDelete ? 'committed' : 'needs-rebuild');
      if (!rig.canDelete) return;
      expect(outcome).toMatchObject({ kind: 'committed', packed: { changing: ['b'] } });
      folder.write('b', 'written');
      await folder.sync();
    });
  });
}
