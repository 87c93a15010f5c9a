import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock as clock } from '../../src/system-clock.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BuildEvent } from '../../src/build/build-event.js';
import { buildImage } from '../../src/build/build-image.js';
import type { ContextSource } from '../../src/build/context/context-files.js';
import { FileContextKeys } from '../../src/build/state/file-context-keys.js';
import type { ImageBuilder } from '../../src/build/image-builder.js';
import { ExitCode } from '../../src/errors.js';
import { EngineImageBuilder } from '../../src/transport/docker/build-http.js';
import { EngineHttp } from '../../src/transport/docker/engine-http.js';
import { TcpDialer } from '../../src/transport/docker/tcp-dialer.js';
import type { Dialer } from '../../src/transport/dialer.js';
import { openSsh } from '../../src/transport/ssh/open-ssh.js';
import { SshEngineDialer } from '../../src/transport/ssh/ssh-engine-dialer.js';
import { MemoryKnownHosts } from '../contract/memory-known-hosts.js';
import { eventually } from '../testbed/eventually.js';
import { LINK_PROFILES, VirtualDevice } from '../testbed/virtual-device.js';
import { CuttingProxy } from './cutting-proxy.js';
import { localTree } from './file-trees.js';
import { imageTree } from './image-tree.js';

let device: VirtualDevice;
let source: string;
let tag: string;
let builds = 0;
const state = mkdtempSync(path.join(tmpdir(), 'rdt-e2e-keys-'));
const keys = new FileContextKeys(state);

beforeAll(async () => {
  device = await VirtualDevice.up({ name: 'b1-session', announce: false, images: ['busybox'] });
});
afterAll(async () => {
  rmSync(state, { recursive: true });
  await device.down();
});
beforeEach(() => {
  source = mkdtempSync(path.join(tmpdir(), 'rdt-e2e-session-'));
  tag = `session${++builds}:latest`;
  write('Dockerfile', 'FROM busybox\nCOPY . /ctx\n');
});
afterEach(() => {
  rmSync(source, { recursive: true, force: true });
});

const at = (name: string): string => path.join(source, name);

function write(name: string, content: string | Buffer): void {
  mkdirSync(path.dirname(at(name)), { recursive: true });
  writeFileSync(at(name), content);
}

/** A thousand files, 10 MB of text that no compression makes small. */
function writeThousand(): void {
  for (let index = 0; index < 1000; index++) {
    let text = '';
    for (let line = 0; text.length < 10_000; line++) {
      text += createHash('sha512').update(`${index}/${line}`).digest('base64');
    }
    write(`src/d${index % 50}/file${index}.js`, text);
  }
}

interface BuildOptions {
  readonly through?: CuttingProxy;
  /** Another way to the engine; disposed of when it was built. */
  readonly dialer?: Dialer;
  readonly as?: string;
  readonly onEvent?: (event: BuildEvent) => void;
  /** Called before each file that the device asks for is read. */
  readonly beforeRead?: (path: string) => Promise<void>;
  readonly signal?: AbortSignal;
}

/** Builds the folder; answers with the steps, and the bytes of files that were sent. */
async function build({ through, dialer, as = tag, onEvent, beforeRead, signal }: BuildOptions = {}) {
  const tcp =
    through === undefined
      ? new TcpDialer(device.address, device.enginePort)
      : new TcpDialer('127.0.0.1', through.port);
  await using http = new EngineHttp(dialer ?? tcp);
  let fileBytes = 0;
  const steps: string[] = [];
  const emit = (event: BuildEvent): void => {
    if (event.type === 'context-sent') fileBytes = event.sentBytes;
    if (event.type === 'step-started') steps.push(event.step.name);
    onEvent?.(event);
  };
  const kept = { keys, device: device.name };
  const request = { source, tag: as, labels: {}, platform: process.platform, compress: true, clock, kept };
  const engine = new EngineImageBuilder(http);
  const builder: ImageBuilder = {
    build: (asked, tell, abort) =>
      engine.build({ ...asked, files: before(asked.files, beforeRead) }, tell, abort),
  };
  const built = await buildImage(request, builder, emit, signal);
  return { ...built, fileBytes, steps };
}

/** The same files, each of which is read after `act`. */
function before(
  files: ContextSource | undefined,
  act: ((path: string) => Promise<void>) | undefined,
): ContextSource | undefined {
  if (files === undefined || act === undefined) return files;
  return {
    ...files,
    async offer(signal) {
      const offered = await files.offer(signal);
      return {
        entries: offered.entries,
        async *read(file) {
          await act(file.path);
          yield* offered.read(file);
        },
      };
    },
  };
}

/** In how many files of its disk the engine has this text. */
async function countInCache(text: string): Promise<number> {
  const found = await device.run(['grep', '-rlF', text, path.join(device.logFolder, '../docker/overlay2')]);
  return found.stdout.split('\n').filter(Boolean).length;
}

async function throughSsh(): Promise<Dialer> {
  const host = { name: device.name, address: device.address, port: device.sshPort };
  const keys = {
    identity: [device.testerKeyFile],
    home: undefined,
    agentSocket: undefined,
    askPassphrase: undefined,
  };
  const knownHosts = new MemoryKnownHosts();
  return new SshEngineDialer(
    await openSsh(host, { user: 'root', keys, knownHosts, onHostKey: () => undefined }),
  );
}

const OVER_SESSION = '[internal] load build context';

/** Builds, over a session, an image that holds exactly the folder. */
async function buildsExactly(options: BuildOptions = {}) {
  const built = await build(options);
  expect(built.steps).toContain(OVER_SESSION);
  expect(await imageTree(device, options.as ?? tag, '/ctx')).toEqual(localTree(source, () => false));
  return built;
}

describe('a folder that is built again', () => {
  it('sends what changed and a list of the rest, over a slow link', async () => {
    const slow = await VirtualDevice.up({
      name: 'b1-slow',
      announce: false,
      images: ['busybox'],
      link: LINK_PROFILES.wifi,
    });
    try {
      writeThousand();
      await using through = await CuttingProxy.open(slow.linkAddress, slow.enginePort);
      const first = await build({ through });
      expect(first.steps).toContain(OVER_SESSION);
      expect(first.fileBytes).toBeGreaterThan(10_000_000);
      const before = through.sentBytes;
      write('package.json', '{"version":2}');
      expect((await build({ through })).fileBytes).toBe(13);
      expect(through.sentBytes - before).toBeLessThan(100_000);
      expect(await imageTree(slow, tag, '/ctx')).toEqual(localTree(source, () => false));
    } finally {
      await slow.down();
    }
  });

  it('has no file any more that was deleted', async () => {
    write('gone/deep', 'x');
    write('stays', 'y');
    await buildsExactly();
    rmSync(at('gone'), { recursive: true });
    await buildsExactly();
  });

  it('has the new modes, links, names and types', async () => {
    write('run.sh', '#!/bin/sh\n');
    write('a/one', '1');
    write('b', 'file');
    symlinkSync('a/one', at('link'));
    await buildsExactly();
    chmodSync(at('run.sh'), 0o4755);
    renameSync(at('a'), at('c'));
    rmSync(at('link'));
    symlinkSync('c/one', at('link'));
    rmSync(at('b'));
    write('b/inside', 'folder');
    await buildsExactly();
    rmSync(at('b'), { recursive: true });
    symlinkSync('c', at('b'));
    chmodSync(at('c'), 0o2750);
    await buildsExactly();
  });

  it('has an edit that kept size and time', async () => {
    write('same', 'before');
    utimesSync(at('same'), 1_500_000_000, 1_500_000_000);
    await buildsExactly();
    write('same', 'behind');
    utimesSync(at('same'), 1_500_000_000, 1_500_000_000);
    expect(statSync(at('same')).mtimeMs).toBe(1_500_000_000_000);
    expect((await buildsExactly()).fileBytes).toBe(6);
    write('same', 'before');
    utimesSync(at('same'), 1_500_000_000, 1_500_000_000);
    await buildsExactly();
  });

  it('keeps the seconds of its files’ times, and asks for nothing that did not change', async () => {
    write('old', 'x');
    utimesSync(at('old'), 1_400_000_000, 1_400_000_000);
    await buildsExactly();
    const { stdout } = await device.docker('run', '--rm', tag, 'stat', '-c', '%Y', '/ctx/old');
    expect(stdout).toBe('1400000000\n');
    expect((await buildsExactly()).fileBytes).toBe(0);
  });

  it('takes names beyond the basic plane in the order of their bytes', async () => {
    for (const name of ['\uffee', '😀', 'ü/😀', 'ü/\uffee', 'ü.txt', 'new\nline']) write(name, name);
    await buildsExactly();
  });

  it('goes as a tar when a name is not UTF-8', async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${source}/raw`), Buffer.from([0xff])]), 'raw');
    const { steps } = await build();
    expect(steps).not.toContain(OVER_SESSION);
    const { stdout } = await device.docker('run', '--rm', tag, 'sh', '-c', 'cat /ctx/raw*');
    expect(stdout).toBe('raw');
  });

  it('is kept apart from another app of the same folder, and shares nothing wrong with it', async () => {
    write('shared', 'one');
    await buildsExactly({ as: 'twin-a:latest' });
    write('shared', 'two');
    await buildsExactly({ as: 'twin-b:latest' });
    await buildsExactly({ as: 'twin-a:latest' });
    write('shared', 'one');
    await buildsExactly({ as: 'twin-b:latest' });
  });

  it('is right when the engine started anew in between, and still sends only what changed', async () => {
    write('large', Buffer.alloc(500_000, 'x'));
    await buildsExactly();
    await device.restartEngine();
    write('small', 'new');
    expect((await buildsExactly()).fileBytes).toBe(3);
  });

  it('is sent again when the engine has pruned its cache', async () => {
    write('large', Buffer.alloc(500_000, 'x'));
    await buildsExactly();
    expect((await device.docker('builder', 'prune', '--all', '--force')).exitCode).toBe(0);
    expect((await buildsExactly()).fileBytes).toBeGreaterThan(500_000);
  });

  it('is sent in the same way through ssh', async () => {
    write('large', Buffer.alloc(500_000, 'x'));
    await buildsExactly({ dialer: await throughSsh() });
    write('small', 'new');
    expect((await buildsExactly({ dialer: await throughSsh() })).fileBytes).toBe(3);
  });

  it('takes a Dockerfile from a folder below', async () => {
    rmSync(at('Dockerfile'));
    write('docker/dev/Dockerfile', 'FROM busybox\nCOPY . /ctx\n');
    await using http = new EngineHttp(new TcpDialer(device.address, device.enginePort));
    const kept = { keys, device: device.name };
    const request = { source, tag, labels: {}, platform: process.platform, compress: true, clock, kept };
    await buildImage(
      { ...request, dockerfile: 'docker/dev/Dockerfile' },
      new EngineImageBuilder(http),
      () => undefined,
    );
    expect(await imageTree(device, tag, '/ctx')).toEqual(localTree(source, () => false));
  });

  it('takes a Dockerfile that is a link, through a folder that is one', async () => {
    rmSync(at('Dockerfile'));
    write('images/dev/Dockerfile', 'FROM busybox\nCOPY . /ctx\n');
    symlinkSync('images', at('docker'));
    symlinkSync('docker/dev/Dockerfile', at('Dockerfile'));
    await buildsExactly();
  });
});

const cutBySignal = async (abort: AbortController): Promise<void> => {
  await Promise.resolve();
  abort.abort(new Error('enough'));
};

describe('a build that is cut off while files are sent', () => {
  const large = (fill: string): void => {
    for (const name of ['a', 'b', 'c']) write(name, Buffer.alloc(2_000_000, fill + name));
  };

  it.each([
    ['by the signal', cutBySignal],
    ['by the end of the engine', () => device.killEngine()],
  ])('%s leaves nothing wrong behind', async (_how, cut) => {
    const forty = (text: string): void => {
      for (let index = 10; index < 50; index++) write(`file${index}`, `${tag} ${text} ${index}`);
    };
    forty('one');
    await buildsExactly();
    forty('two');
    const abort = new AbortController();
    const untouched = new Set(Array.from({ length: 40 }, (_, index) => `file${index + 10}`));
    const whenHalfArrived = async (name: string): Promise<void> => {
      if (untouched.size > 16) {
        untouched.delete(name);
        return;
      }
      await eventually(async () => (await countInCache(`${tag} two`)) === 24, {
        what: 'more than half of the files on the device',
        withinMs: 10_000,
      });
      await cut(abort);
      // The end of the build, which is under way, ends this as well.
      await new Promise(() => undefined);
    };
    await expect(build({ beforeRead: whenHalfArrived, signal: abort.signal })).rejects.toThrow();
    if (!abort.signal.aborted) await device.startEngine();
    // What has arrived stays, the rest is as it was: BuildKit's digests, written at the end, know of neither.
    for (const name of untouched) write(name, `${tag} one ${name.slice(-2)}`);
    await buildsExactly();
    forty('one');
    await buildsExactly();
  });

  it('by the cable ends with exit code 4, and the next one is right', async () => {
    large('1');
    await buildsExactly();
    large('3');
    let reads = 0;
    const unplugAtSecond = async (): Promise<void> => {
      if (++reads === 2) await device.unplug();
    };
    await expect(build({ beforeRead: unplugAtSecond })).rejects.toMatchObject({
      exitCode: ExitCode.unreachable,
    });
    await device.plug();
    await buildsExactly();
  });
});

describe('a file that changes between two looks at it', () => {
  it('makes the context go as a tar, which has it as it is', async () => {
    write('moving', 'first');
    let reads = 0;
    const editAtFirst = (): Promise<void> => {
      if (++reads === 1) write('moving', 'later');
      return Promise.resolve();
    };
    const { steps } = await build({ beforeRead: editAtFirst });
    expect(steps).toContain('[internal] load remote build context');
    const { stdout } = await device.docker('run', '--rm', tag, 'cat', '/ctx/moving');
    expect(stdout).toBe('later');
  });
});
