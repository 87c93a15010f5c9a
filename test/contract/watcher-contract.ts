import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Hint, OpenWatcher, Watcher } from '../../src/watch/watcher.js';
import { canLink } from '../unit/can-link.js';

const SILENT = 50;
const PATIENCE_MS = 15_000;

/** What `Watcher` promises, on real folders. */
export function watcherContract(name: string, open: OpenWatcher): void {
  describe(name, () => {
    let stage: Stage;
    beforeEach(async () => {
      stage = await Stage.open(open);
    });
    afterEach(() => stage.tearDown());

    const changes: [string, (path: (relative: string) => string) => void][] = [
      ['a new file', (path) => writeFileSync(path('new'), '')],
      ['other content', (path) => writeFileSync(path('file'), 'other')],
      ['other content of the same length', (path) => writeFileSync(path('file'), '2')],
      ['a deleted file', (path) => unlinkSync(path('file'))],
      ['a renamed file', (path) => renameSync(path('file'), path('renamed'))],
      ['a name in other case', (path) => renameSync(path('file'), path('FILE'))],
      ['other permissions', (path) => chmodSync(path('file'), 0o600)],
      ['a new folder', (path) => mkdirSync(path('folder'))],
      ['a deleted folder', (path) => rmSync(path('sub'), { recursive: true })],
      [
        'a file replaced by another',
        (path) => {
          writeFileSync(path('file.tmp'), 'other');
          renameSync(path('file.tmp'), path('file'));
        },
      ],
    ];
    if (canLink) changes.push(['a new link', (path) => symlinkSync('file', path('link'))]);
    for (const folder of ['', 'deep/er'])
      it.each(changes)(
        `tells of %s in ${folder === '' ? 'the source' : 'a folder below it'}`,
        async (_, change) => {
          stage.write(join(folder, 'file'), '1');
          stage.write(join(folder, 'sub/inner'), '1');
          stage.enter('', 'deep', 'deep/er');
          await stage.quiet();
          change((relative) => stage.path(join(folder, relative)));
          await stage.heard(folder);
        },
      );

    it('tells of what changes right after a folder was entered', async () => {
      stage.write('a/file', '1');
      stage.watcher.enter('a');
      stage.write('a/file', '2');
      await stage.heard('a');
    });

    it('misses nothing while it begins to watch', async () => {
      stage.enter('');
      for (let turns = 0; turns < 40; turns++) {
        const folder = `entered${turns}`;
        mkdirSync(stage.path(folder));
        stage.watcher.enter(folder);
        for (let turn = 0; turn < turns; turn++) await nextTurn();
        stage.hints.length = 0;
        stage.write(`${folder}/new`, '1');
        await stage.heard(folder);
      }
    });

    it('names no other entry than the one that was edited', async () => {
      stage.write('file', '1');
      stage.enter('');
      await stage.quiet();
      stage.write('file', '22');
      await stage.heard('', 'file');
      expect(
        stage.hints.filter((hint) => hint.kind === 'folder' && (hint.name ?? 'file') !== 'file'),
      ).toEqual([]);
    });

    it('is told about a folder twice', async () => {
      stage.write('a/file', '1');
      stage.enter('', 'a', '', 'a');
      await stage.quiet();
      stage.write('a/file', '2');
      await stage.heard('a');
    });

    it('does not watch what was not entered, and not what a link leads to', async () => {
      stage.write('ignored/deep/file', '1');
      if (canLink) symlinkSync('ignored', stage.path('link'));
      stage.enter('');
      await stage.quiet();
      stage.write('ignored/deep/file', '2');
      stage.write('ignored/deep/other', '1');
      await stage.marked();
      expect(stage.hints.filter((hint) => hint.kind === 'folder' && hint.path !== '')).toEqual([]);
    });

    it('does not watch a folder any more that was left', async () => {
      stage.write('a/file', '1');
      stage.enter('', 'a');
      await stage.quiet();
      stage.watcher.leave('a');
      await stage.quiet();
      stage.write('a/file', '2');
      stage.write('a/new', '2');
      await stage.marked();
      expect(stage.hints.filter((hint) => hint.kind === 'folder' && hint.path === 'a')).toEqual([]);
    });

    it('watches a folder again that was left', async () => {
      stage.write('a/file', '1');
      stage.enter('', 'a');
      await stage.quiet();
      stage.watcher.leave('a');
      stage.watcher.enter('a');
      await stage.quiet();
      stage.write('a/file', '2');
      await stage.heard('a');
    });

    it('tells of a folder that comes again after it went and was left', async () => {
      stage.write('a/file', '1');
      stage.enter('', 'a');
      await stage.quiet();
      rmSync(stage.path('a'), { recursive: true });
      await stage.heard('');
      stage.watcher.leave('a');
      await stage.quiet();
      stage.write('a/file', '2');
      await stage.heard('');
      stage.watcher.enter('a');
      await stage.quiet();
      stage.write('a/file', '33');
      await stage.heard('a');
    });

    it('watches a folder that took the place of another, when it is entered again', async () => {
      stage.write('a/file', '1');
      stage.enter('', 'a');
      await stage.quiet();
      rmSync(stage.path('a'), { recursive: true });
      stage.write('a/file', '2');
      await stage.heardOneOf('', 'a');
      stage.enter('', 'a');
      await stage.quiet();
      stage.write('a/file', '33');
      await stage.heard('a');
    });

    it('watches a folder that was exchanged with another by two renames', async () => {
      stage.write('a/file', '1');
      stage.write('b/file', '1');
      stage.enter('', 'a');
      await stage.quiet();
      renameSync(stage.path('a'), stage.path('c'));
      renameSync(stage.path('b'), stage.path('a'));
      await stage.heard('');
      stage.enter('', 'a', 'c');
      await stage.quiet();
      stage.write('a/file', '22');
      await stage.heard('a');
    });

    it('watches a renamed folder under its new name', async () => {
      stage.write('a/file', '1');
      stage.enter('', 'a');
      await stage.quiet();
      renameSync(stage.path('a'), stage.path('b'));
      await stage.heard('');
      stage.watcher.leave('a');
      stage.watcher.enter('b');
      await stage.quiet();
      stage.write('b/file', '22');
      await stage.heard('b');
    });

    it('bears with a folder that has gone before it is entered', async () => {
      stage.enter('', 'gone', 'gone/deeper');
      stage.watcher.leave('gone/deeper');
      stage.watcher.leave('never/entered');
      await stage.marked();
      expect(stage.warnings).toEqual([]);
    });

    it('watches odd names', async () => {
      const odd = process.platform === 'win32' ? 'ä [x]{y} !(z)' : 'ä [x]{y} *!(z)?\n';
      stage.write(`${odd}/file`, '1');
      stage.enter('', odd);
      await stage.quiet();
      stage.write(`${odd}/file`, '22');
      await stage.heard(odd);
    });

    it('says how it watches', () => {
      expect(stage.watcher.description).toMatch(/^[a-z]/);
    });

    it('is silent when it is closed', async () => {
      stage.write('file', '1');
      stage.enter('');
      await stage.quiet();
      await stage.watcher[Symbol.asyncDispose]();
      stage.write('file', '2');
      await sleep(SILENT);
      expect(stage.hints).toEqual([]);
    });
  });
}

/** A temporary folder, and what was heard of it. */
class Stage {
  readonly hints: Hint[] = [];
  readonly warnings: string[] = [];
  watcher!: Watcher;
  private heardSomething: () => void = () => undefined;
  private marks = 0;

  private constructor(private readonly source: string) {}

  static async open(open: OpenWatcher): Promise<Stage> {
    const stage = new Stage(realpathSync(mkdtempSync(join(tmpdir(), 'rdt-watcher-'))));
    mkdirSync(stage.path('deep/er'), { recursive: true });
    stage.watcher = await open({
      source: stage.source,
      onHint: (hint) => {
        stage.hints.push(hint);
        stage.heardSomething();
      },
      onWarning: (message) => void stage.warnings.push(message),
      onExhausted: ({ code }) => void stage.warnings.push(code),
    });
    return stage;
  }

  path(relative: string): string {
    return join(this.source, relative);
  }

  write(relative: string, content: string): void {
    mkdirSync(dirname(this.path(relative)), { recursive: true });
    writeFileSync(this.path(relative), content);
  }

  enter(...folders: readonly string[]): void {
    for (const folder of folders) this.watcher.enter(folder);
  }

  /** Waits until what was done so far has been heard of, and forgets it. The source must have been entered. */
  async quiet(): Promise<void> {
    await this.marked();
    this.hints.length = 0;
  }

  /** Changes the source twice and waits for both: what came before has been told by then, also by polling. */
  async marked(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      const mark = `mark${this.marks++}`;
      writeFileSync(this.path(mark), '');
      const count = this.hints.length;
      await this.until(() => this.hints.slice(count).some((hint) => covers(hint, '', mark)));
      await sleep(SILENT);
    }
  }

  /** Waits for a hint that makes one look into this folder, and at this entry. */
  async heard(folder: string, name?: string): Promise<void> {
    await this.until(() => this.hints.some((hint) => covers(hint, folder, name)));
  }

  async heardOneOf(...folders: readonly string[]): Promise<void> {
    await this.until(() =>
      this.hints.some((hint) => folders.some((folder) => covers(hint, folder, undefined))),
    );
  }

  async tearDown(): Promise<void> {
    await this.watcher[Symbol.asyncDispose]();
    rmSync(this.source, { recursive: true, force: true });
  }

  private async until(isTrue: () => boolean): Promise<void> {
    const limit = AbortSignal.timeout(PATIENCE_MS);
    while (!isTrue()) {
      await new Promise<void>((resolve, reject) => {
        this.heardSomething = resolve;
        limit.onabort = () => reject(new Error(`not heard; hints: ${JSON.stringify(this.hints)}`));
      });
    }
  }
}

const covers = (hint: Hint, folder: string, name: string | undefined): boolean =>
  hint.kind === 'all' ||
  (hint.path === folder && (name === undefined || hint.name === undefined || hint.name === name));
