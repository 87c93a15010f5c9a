import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Device } from '../../../src/discovery/device.js';
import type { OnChangeRule } from '../../../src/project/on-change.js';
import { defaultSettings, type GivenSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import type { PushEvent } from '../../../src/push/push-event.js';
import { readTriggers, type TriggerHashes } from '../../../src/sync/build-triggers.js';
import type { Deployment, DeploymentStore } from '../../../src/sync/deployment.js';
import { rulesOfSource } from '../../../src/sync/local-state.js';
import { withoutEditorFiles } from '../../../src/watch/editor-files.js';
import { LocalFolder } from '../../../src/watch/local-folder.js';
import type { WatchDeps } from '../../../src/watch/watch-deps.js';
import type { WatchEvent } from '../../../src/watch/watch-event.js';
import { watchProject } from '../../../src/watch/watch-project.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { runUntilKilled } from '../../contract/fake-process.js';
import { FakeImageBuilder } from '../../contract/fake-image-builder.js';
import type { Clock } from '../../../src/runtime.js';
import { systemClock } from '../../../src/system-clock.js';
import { ofThisSystem } from './watched-folder.js';

export type AnyEvent = PushEvent | WatchEvent;

const APP = 'app';
const DESTINATION = '/usr/src/app';

/** Keeps deployments in memory, and counts how often they were written. */
export class MemoryDeployments implements DeploymentStore {
  readonly saved: Deployment[] = [];

  load(containerId: string): Promise<Deployment | undefined> {
    return Promise.resolve(this.saved.findLast((deployment) => deployment.containerId === containerId));
  }

  save(deployment: Deployment): Promise<void> {
    this.saved.push(deployment);
    return Promise.resolve();
  }

  saveNow(deployment: Deployment): Promise<void> {
    return this.save(deployment);
  }
}

const device: Device = {
  name: 'fake',
  address: '10.0.0.5',
  addresses: ['10.0.0.5'],
  kind: 'development',
  engine: { host: '10.0.0.5', port: 2375, apiVersion: '1.41' },
  sshPort: undefined,
};

/** A real folder that is watched, and an app on an engine in memory. */
export class WatchedLoop implements AsyncDisposable {
  /** The app, and the one program that rules run; the rest is not there, so that all goes by the archive. */
  readonly engine = new FakeEngine(({ argv, killed }) => {
    if (argv[0] === 'main') return runUntilKilled(killed);
    return argv.at(-1) === 'migrate' ? this.migrate() : undefined;
  });
  /** What the rules' program does. */
  migrate: () => number | Promise<number> = () => 0;
  readonly builder = new FakeImageBuilder();
  readonly store = new MemoryDeployments();
  readonly events: AnyEvent[] = [];
  private readonly interrupt = new AbortController();
  private readonly hearers = new Set<() => void>();
  /** The hashes in the project file. */
  triggers: TriggerHashes = new Map();
  /** How often rdt has written it. */
  saves = 0;
  /** What else it says. */
  given: GivenSettings = {};
  /** Called before the project file is read, and before the folder is opened: may refuse it. */
  beforeReading: (what: 'project' | 'folder') => unknown = () => undefined;
  clock: Clock = systemClock;
  /** Whether the device takes new connections. */
  isReachable = true;
  /** How the folder is watched. */
  openWatcher = ofThisSystem;
  private ended: Promise<void> = Promise.resolve();

  constructor(
    private readonly onChange: readonly OnChangeRule[] = [],
    readonly source = mkdtempSync(join(tmpdir(), 'rdt-loop-')),
  ) {
    this.write('Dockerfile', 'FROM busybox\n');
    this.write('a.txt', 'a');
  }

  write(path: string, content: string): void {
    writeFileSync(join(this.source, path), content);
  }

  makeFolder(path: string): void {
    mkdirSync(join(this.source, path));
  }

  remove(path: string): void {
    rmSync(join(this.source, path), { recursive: true });
  }

  /** What the container holds at a path below the destination, as text. */
  deployed(path: string): string | undefined {
    const node = this.engine.container(APP).files.find(`${DESTINATION}/${path}`);
    return node?.kind === 'file' ? node.bytes.toString() : undefined;
  }

  /** Pushes for the first time into a container that was built from this folder, and watches from then on. */
  async begin(): Promise<void> {
    this.triggers = await readTriggers(this.source, []);
    await this.startOldApp();
    this.watch('10.0.0.5');
    await Promise.race([this.untilEvent('watching'), this.ended]);
  }

  /** As an earlier push has left it. */
  async startOldApp(): Promise<void> {
    const given = { appName: APP, onChange: this.onChange };
    const settings = resolveSettings({}, given, defaultSettings, { source: this.source });
    const image = this.engine.addImage(APP, { labels: { 'io.resin.rdt.app': APP }, cmd: ['main'] });
    image.files.put(`${DESTINATION}/Dockerfile`, fileNode('FROM busybox\n'));
    await this.engine.startContainer(await this.engine.createContainer(APP, containerSpec(settings)));
  }

  /** `rdt push --watch` of the folder, as it is; `other` in the place of what the loop has. */
  watch(target: string, other: (deps: WatchDeps) => Partial<WatchDeps> = () => ({})): void {
    const deps = this.deps();
    const request = {
      target,
      source: this.source,
      flags: {},
      forceBuild: false,
      dryRun: false,
      force: false,
      verify: false,
      compress: true,
      followLogs: false,
    };
    this.ended = watchProject(request, { ...deps, ...other(deps) });
  }

  /** Resolves with the first event of this type after the `after` first ones. */
  async untilEvent<T extends AnyEvent['type']>(type: T, after = 0): Promise<Extract<AnyEvent, { type: T }>> {
    for (;;) {
      const found = this.events.slice(after).find((event) => event.type === type);
      if (found !== undefined) return found as Extract<AnyEvent, { type: T }>;
      await Promise.race([new Promise<void>((resolve) => this.hearers.add(resolve)), this.failure()]);
    }
  }

  async andThen<T extends AnyEvent['type']>(
    type: T,
    act: () => unknown,
  ): Promise<Extract<AnyEvent, { type: T }>> {
    const after = this.events.length;
    await act();
    return this.untilEvent(type, after);
  }

  /** As Ctrl-C. */
  async end(): Promise<void> {
    this.interrupt.abort(new Error('interrupted'));
    await this.ended;
  }

  /** A watch in which no push has succeeded ends with what interrupted it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end().catch((error: unknown) => {
      if (error !== this.interrupt.signal.reason) throw error;
    });
    rmSync(this.source, { recursive: true, force: true });
  }

  private failure(): Promise<never> {
    return this.ended.then(() => {
      throw new Error('the watch has ended');
    });
  }

  private deps(): WatchDeps {
    const { engine, builder, store, source } = this;
    const connection = {
      engine,
      builder: () => Promise.resolve(builder),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    return {
      cwd: source,
      env: {},
      platform: 'linux',
      clock: this.clock,
      signal: this.interrupt.signal,
      pusher: 'tester@here',
      holder: { name: 'tester', process: 'tester', hasEnded: () => false },
      store,
      contextKeys: { take: () => Promise.resolve('key'), keep: () => Promise.resolve() },
      login: { hasAny: () => Promise.resolve(false), credentialsFor: () => Promise.resolve({}) },
      readSupervisor: () => Promise.reject(new Error('no app of these tests has one')),
      openProject: async () => {
        await this.beforeReading('project');
        return {
          exists: true,
          settings: { appName: APP, onChange: this.onChange, ...this.given },
          triggers: [...this.triggers].map(([path, sha256]) => ({ path, sha256 })),
          warnings: [],
          save: (_, triggers) => {
            this.triggers = triggers;
            this.saves++;
            return Promise.resolve();
          },
          assertSavable: () => Promise.resolve(),
        };
      },
      findDevice: () => Promise.resolve(device),
      connect: () => Promise.resolve(connection),
      askAppName: undefined,
      emit: (event) => {
        this.events.push(event);
        for (const hear of [...this.hearers]) hear();
        this.hearers.clear();
      },
      showOutput: () => Promise.resolve(),
      reach: () => Promise.resolve(this.isReachable),
      openFolder: async (settings, signal) => {
        await this.beforeReading('folder');
        return LocalFolder.open(
          {
            source,
            platform: 'linux',
            clock: systemClock,
            openWatcher: this.openWatcher,
            rules: () => withoutEditorFiles(rulesOfSource({ ...settings, platform: 'linux' })),
            warn: (message) => this.events.push({ type: 'warning', message }),
          },
          signal,
        );
      },
    };
  }
}

const fileNode = (text: string) =>
  ({ kind: 'file', bytes: Buffer.from(text), mode: 0o644, uid: 0, gid: 0, mtimeMs: 0 }) as const;
