import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { extract, pack } from 'tar-stream';
import { expect } from 'vitest';
import type { Commit, CommitOutcome } from '../../src/sync/commit.js';
import type { Deployment, Owner } from '../../src/sync/deployment.js';
import { rulesOfSource } from '../../src/sync/local-state.js';
import { hashTree, listTree } from '../../src/sync/scan.js';
import { readMarks } from '../../src/sync/state-token.js';
import { syncContainer } from '../../src/sync/sync-container.js';
import { planSync } from '../../src/sync/sync-plan.js';
import type { LocalEntry, LocalTree } from '../../src/sync/tree.js';
import type { Container, Engine } from '../../src/transport/engine.js';

export type CommitWay = (request: Commit) => Promise<CommitOutcome>;

/** Path -> what it is, who owns it and what is in it, for comparing two folders in one go. */
type Described = Map<string, string>;

const signal = new AbortController().signal;

/** A folder here and its copy in a container, kept in step by one way to commit. */
export class SyncedFolder implements Disposable {
  readonly source = mkdtempSync(join(tmpdir(), 'rdt-synced-'));
  owner: Owner = { uid: 0, gid: 0 };
  /** What the laptop remembers of the last commit. */
  remembered: Deployment | undefined;

  constructor(
    readonly engine: Engine,
    readonly container: Container,
    readonly destination: string,
    private readonly way: CommitWay,
  ) {}

  path(path: string): string {
    return join(this.source, path);
  }

  write(path: string, content: string | Buffer, mode = 0o644): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), content, { mode });
  }

  link(path: string, target: string): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    symlinkSync(target, this.path(path));
  }

  remove(path: string): void {
    rmSync(this.path(path), { recursive: true });
  }

  /** Changes the container behind rdt's back. */
  async writeThere(path: string, content: string): Promise<void> {
    const tar = pack();
    tar.entry({ name: path, mode: 0o644 }, content);
    tar.finalize();
    await this.engine.putArchive(this.container.id, this.destination, await buffer(tar), signal);
  }

  /** Gives a folder there another owner and mode, as an app does. */
  async ownThere(path: string, owner: Owner, mode: number): Promise<void> {
    const tar = pack();
    tar.entry({ name: path, type: 'directory', mode, ...owner });
    tar.finalize();
    await this.engine.putArchive(this.container.id, this.destination, await buffer(tar), signal);
  }

  /** Puts a link in the place of whatever is there, as an app does that keeps a folder elsewhere. */
  linkThere(path: string, linkname: string): Promise<void> {
    return this.replaceThere(path, 'symlink', linkname);
  }

  /** An empty file or folder in the place of whatever is there, or a link. */
  async replaceThere(path: string, type: 'file' | 'directory' | 'symlink', linkname?: string): Promise<void> {
    const tar = pack();
    tar.entry({ name: path }, '');
    if (type !== 'file') tar.entry({ name: path, type, ...(linkname === undefined ? {} : { linkname }) });
    tar.finalize();
    await this.engine.putArchive(this.container.id, this.destination, await buffer(tar), signal);
  }

  /** A commit of all that differs. `interfere` runs when the folder has been looked at. */
  async commit(interfere: () => unknown = () => undefined): Promise<CommitOutcome> {
    const scannedAtMs = Date.now();
    const local = await this.scan();
    const { engine, container, source, destination, remembered } = this;
    const deployed = {
      tree: remembered?.tree ?? new Map<string, LocalEntry>(),
      left: new Map<string, LocalEntry>(),
      unsettled: [],
      knowledge: remembered === undefined ? 'none' : 'token',
      remembered,
      marks: remembered ?? (await readMarks(engine, container.id, destination, signal)),
      state: remembered?.token ?? '',
      foreignToken: undefined,
    } as const;
    const plan = planSync({ deployed: deployed.tree, local, isIgnored: () => false });
    await interfere();
    const save = (deployment: Deployment) => Promise.resolve(void (this.remembered = deployment));
    const store = { load: () => Promise.resolve(this.remembered), save, saveNow: save };
    const channel = { commit: this.way };
    return syncContainer(
      { engine, container, source, destination, store, compress: true, signal, channel },
      {
        local,
        deployed,
        plan,
        unobserved: false,
        restarts: false,
        owed: undefined,
        scannedAtMs,
        onProgress: () => undefined,
      },
    );
  }

  /** A commit that has to be carried out, after which the container holds what the folder holds. */
  async sync(): Promise<void> {
    const outcome = await this.commit();
    expect(outcome).toMatchObject({ kind: 'committed' });
    await this.expectInStep();
  }

  async expectInStep(): Promise<void> {
    const local = await this.scan();
    const there = await this.deployed();
    const here = this.describe(local);
    for (const path of this.mountPoints()) if (!here.has(path)) there.delete(path);
    expect(sorted(there)).toEqual(sorted(here));
  }

  /** Folders that are there whatever is synced. */
  mountPoints(): string[] {
    const prefix = `${this.destination}/`;
    return this.container.mounts
      .filter(({ destination }) => destination.startsWith(prefix))
      .map(({ destination }) => destination.slice(prefix.length));
  }

  /** What the container holds, read by the engine's own archive. */
  async deployed(): Promise<Described> {
    const archive = await this.engine.getArchive(this.container.id, this.destination, signal);
    const described: Described = new Map();
    if (archive === undefined) return described;
    const tar = extract();
    archive.on('error', (error) => tar.destroy(error)).pipe(tar);
    for await (const entry of tar) {
      const { name, type, mode, uid, gid, linkname, mtime } = entry.header;
      const bytes = await buffer(entry);
      const path = name.split('/').slice(1).join('/').replace(/\/$/, '');
      if (path === '') continue;
      const who = `${uid}:${gid}`;
      const seconds = Math.floor(mtime.getTime() / 1000);
      if (type === 'directory') described.set(path, `d ${octal(mode)} ${who}`);
      else if (type === 'symlink') described.set(path, `l ${linkname}`);
      else described.set(path, `f ${octal(mode)} ${who} ${seconds} ${sha256(bytes)}`);
    }
    this.state = described.get('.rdt-state') ?? '';
    described.delete('.rdt-state');
    // The engine's way to empty a folder leaves a file in its place.
    const isEmpty = (what: string): boolean => what.endsWith(sha256(Buffer.alloc(0)));
    for (const [path, what] of described)
      if (/(^|\/)\.rdt-stage$/.test(path) && isEmpty(what)) described.delete(path);
    return described;
  }

  /** The state link as the last look at the container saw it. */
  state = '';

  [Symbol.dispose](): void {
    rmSync(this.source, { recursive: true });
  }

  private async scan(): Promise<LocalTree> {
    const { source } = this;
    const platform = process.platform;
    const rules = rulesOfSource({ source, ignore: [], skipGitignore: true, platform });
    const options = { source, platform, rules, signal, warn: () => undefined };
    return hashTree(await listTree(options), new Map<string, LocalEntry>(), options);
  }

  private describe(local: LocalTree): Described {
    const who = `${this.owner.uid}:${this.owner.gid}`;
    return new Map(
      [...local].map(([path, entry]) => {
        switch (entry.kind) {
          case 'directory':
            return [path, `d ${octal(entry.mode)} ${who}`];
          case 'symlink':
            return [path, `l ${entry.target}`];
          case 'file':
            return [
              path,
              `f ${octal(entry.mode)} ${who} ${Math.floor(entry.stamp.mtimeMs / 1000)} ${sha256(readFileSync(this.path(path)))}`,
            ];
        }
      }),
    );
  }
}

const sorted = (tree: Described): string[] => [...tree].map(([path, what]) => `${path}: ${what}`).sort();
const octal = (mode: number): string => (mode & 0o7777).toString(8);
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
