import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { eventually } from '../testbed/eventually.js';
import type { VirtualDevice } from '../testbed/virtual-device.js';
import { containerTree, type FileTree, localTree } from './file-trees.js';
import { Rdt, type RdtResult, type RunningRdt } from './rdt.js';

type Files = Readonly<Record<string, string>>;

/** Runs until it is asked to end, which it does at once. */
export const LOOP = 'trap "exit 0" TERM\necho started\nwhile true; do sleep 0.1; done\n';

export const HELLO: Files = {
  Dockerfile: 'FROM busybox\nWORKDIR /usr/src/app\nCOPY . .\nCMD ["sh", "main.sh"]\n',
  'main.sh': LOOP,
};

/** What the app is at one moment; two equal ones mean that nothing touched it in between. */
export interface AppState {
  readonly id: string;
  readonly image: string;
  readonly startedAt: string;
  readonly running: boolean;
}

/** A project folder with a home of its own, and the app that `rdt push` makes of it on one virtual device. */
export class PushedApp implements Disposable {
  readonly rdt = new Rdt();
  readonly folder = mkdtempSync(join(tmpdir(), 'rdt-app-'));

  constructor(
    readonly device: VirtualDevice,
    readonly name: string,
    files: Files = HELLO,
  ) {
    for (const [path, content] of Object.entries(files)) this.write(path, content);
  }

  path(path: string): string {
    return join(this.folder, path);
  }

  write(path: string, content: string | Buffer): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), content);
  }

  chmod(path: string, mode: number): void {
    chmodSync(this.path(path), mode);
  }

  remove(path: string): void {
    rmSync(this.path(path), { recursive: true });
  }

  projectFile(): string {
    return readFileSync(this.path('.resin-sync.yml'), 'utf8');
  }

  startPush(...args: string[]): RunningRdt {
    const all = ['push', this.device.address, '--app-name', this.name, '--skip-logs', ...args];
    return this.rdt.start(all, { cwd: this.folder });
  }

  tryPush(...args: string[]): Promise<RdtResult> {
    return this.startPush(...args).ended();
  }

  /** A push that has to succeed. */
  async push(...args: string[]): Promise<RdtResult> {
    const result = await this.tryPush(...args);
    expect(result.exitCode, result.stderr).toBe(0);
    return result;
  }

  async state(): Promise<AppState> {
    const [id = '', image = '', startedAt = '', running] = (
      await this.inspect('{{.Id}} {{.Image}} {{.State.StartedAt}} {{.State.Running}}')
    ).split(' ');
    return { id, image, startedAt, running: running === 'true' };
  }

  /** One value of the container, by a Go template. */
  inspect(format: string): Promise<string> {
    return this.docker('inspect', '--type', 'container', '--format', format, this.name);
  }

  /** The trimmed output of a docker command that has to succeed. */
  async docker(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.device.docker(...args);
    expect(exitCode, `docker ${args.join(' ')}: ${stderr}${stdout}`).toBe(0);
    return stdout.trim();
  }

  /** Runs a program in the container. */
  exec(...argv: string[]): Promise<string> {
    return this.docker('exec', this.name, ...argv);
  }

  logs(): Promise<string> {
    return this.docker('logs', this.name);
  }

  async untilLogged(line: string): Promise<void> {
    await eventually(async () => (await this.logs()).includes(line), {
      what: `"${line}" in the log`,
      withinMs: 10_000,
    });
  }

  deployedTree(folder = '/usr/src/app'): Promise<FileTree> {
    return containerTree(`unix://${this.device.engineDoor}`, this.name, folder);
  }

  /** What of the project folder belongs into the container. */
  localTree(skip: (path: string) => boolean = () => false): FileTree {
    return localTree(this.folder, (path) => path === '.resin-sync.yml' || skip(path));
  }

  async expectInStep(): Promise<void> {
    expect(await this.deployedTree()).toEqual(this.localTree());
  }

  /** Whatever a push needs for itself and has to take away: containers, locks, images without a name or with its own. */
  async leftovers(): Promise<string[]> {
    const containers = await this.docker('ps', '--all', '--format', '{{.Names}}');
    const volumes = await this.docker('volume', 'ls', '--format', '{{.Name}}');
    const label = `label=io.resin.rdt.app=${this.name}`;
    const images = await this.docker('images', '--filter', 'dangling=true', '--filter', label, '--quiet');
    const held = await this.docker('images', '--format', '{{.Repository}}:{{.Tag}}', this.name);
    const ofThisApp = (name: string): boolean =>
      name.startsWith(`${this.name}.rdt-`) || name.startsWith(`rdt-lock.${this.name}.`);
    return [
      ...`${containers}\n${volumes}`.split('\n').filter(ofThisApp),
      ...images.split('\n').filter(Boolean),
      ...held.split('\n').filter((name) => name.startsWith(`${this.name}:rdt-`)),
    ];
  }

  /** As if the lock of a killed push had run out. */
  async forgetLock(): Promise<void> {
    const locks = (await this.leftovers()).filter((name) => name.startsWith('rdt-lock.'));
    if (locks.length > 0) await this.docker('volume', 'rm', ...locks);
  }

  [Symbol.dispose](): void {
    this.rdt[Symbol.dispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
