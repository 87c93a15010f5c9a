import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { extract, pack } from 'tar-stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../testbed/eventually.js';
import type { ContainerSpec, Engine, ExecOptions, LogEntries } from '../../src/transport/engine.js';

/** What the suite needs: an engine that has `busybox:latest` (a shell, cat, sleep). */
export interface EngineSubject extends AsyncDisposable {
  readonly engine: Engine;
}

const IMAGE = 'busybox:latest';
const LABEL = 'rdt.contract';
const LOG_SCRIPT = 'echo one; echo two >&2; echo three';
/** The programs that the suite runs; a fake plays them by these names. */
export const SCRIPTS = {
  log: LOG_SCRIPT,
  logAndWait: `${LOG_SCRIPT}; exec sleep 1000`,
  outErrExit3: 'echo out; echo err >&2; exit 3',
  ignoreInput: 'exit 4',
  waitForEof: 'cat >/dev/null; echo eof >/tmp/eof',
  exit5: 'exit 5',
  exit6AtHangUp: 'trap "exit 6" HUP; echo ready; while :; do sleep 0.05; done',
} as const;

const ONCE = { follow: false, timestamps: false } as const;

const sh = (script: keyof typeof SCRIPTS): string[] => ['sh', '-c', SCRIPTS[script]];

interface Entry {
  readonly name: string;
  readonly type?: 'file' | 'directory' | 'symlink' | 'link';
  readonly content?: string;
  readonly linkname?: string;
  readonly mode?: number;
}

const tarOf = (entries: readonly Entry[]): Promise<Buffer> => {
  const tar = pack();
  for (const { name, type = 'file', content = '', linkname = '', mode = 0o644 } of entries) {
    tar.entry({ name, type, linkname, mode, mtime: new Date(1_700_000_000_000) }, content);
  }
  tar.finalize();
  return buffer(Readable.from(tar));
};

const filesIn = async (tar: Readable | undefined): Promise<Record<string, string>> => {
  const files: Record<string, string> = {};
  if (tar === undefined) return files;
  const parser = extract();
  tar.pipe(parser);
  for await (const entry of parser) {
    const content = await text(Readable.from(entry));
    files[entry.header.name] = entry.header.type === 'symlink' ? `-> ${entry.header.linkname}` : content;
  }
  return files;
};

/** The contract of `Engine`: the fake and every real adapter pass it. */
export const engineContract = (name: string, open: () => Promise<EngineSubject>): void => {
  describe(`${name} keeps the engine contract`, () => {
    let subject: EngineSubject;
    let engine: Engine;
    /** Name of this test's container. */
    let app: string;
    const names: string[] = [];

    const newName = (): string => {
      const fresh = `contract-${randomUUID().slice(0, 8)}`;
      names.push(fresh);
      return fresh;
    };
    const spec = (changes: Partial<ContainerSpec> = {}): ContainerSpec => ({
      Image: IMAGE,
      Cmd: ['sleep', '1000'],
      Labels: { [LABEL]: app },
      HostConfig: {},
      ...changes,
    });
    const stop = async (): Promise<void> => {
      await engine.killContainer(app, 'SIGKILL');
      await engine.waitContainer(app, 'not-running');
    };
    const run = async (options: ExecOptions, input = '') => {
      const session = await engine.exec(app, options);
      session.stdin.end(input);
      const [stdout, stderr] = await Promise.all([text(session.stdout), text(session.stderr)]);
      return { stdout, stderr, exitCode: await session.exitCode };
    };

    beforeAll(async () => {
      subject = await open();
      engine = subject.engine;
    });
    afterAll(async () => {
      await subject[Symbol.asyncDispose]();
    });
    beforeEach(() => {
      app = newName();
    });
    afterEach(async () => {
      for (const ref of names.splice(0)) await engine.removeContainer(ref, { removeAnonymousVolumes: true });
    });

    describe('about the engine', () => {
      it('answers a ping and tells who it is', async () => {
        await engine.ping();
        const info = await engine.info();
        expect(info.id).not.toBe('');
        expect(info.version).toMatch(/^\d+\.\d+/);
        expect(info.architecture).not.toBe('');
      });

      it('tells the time of the device, to the second', async () => {
        const before = Math.floor(Date.now() / 1_000) * 1_000;
        const time = await engine.deviceTimeMs();
        expect(time % 1_000).toBe(0);
        expect(time).toBeGreaterThanOrEqual(before);
        expect(time).toBeLessThanOrEqual(Date.now());
      });

      it('is the same run until it is started again', async () => {
        const run = await engine.engineRun();
        expect(run).toMatch(/./);
        expect(await engine.engineRun()).toBe(run);
      });

      it('rejects with the reason of a signal that was aborted before', async () => {
        const signal = AbortSignal.abort(new Error('enough'));
        await expect(engine.ping(signal)).rejects.toThrow('enough');
        await expect(engine.deviceTimeMs(signal)).rejects.toThrow('enough');
        await expect(engine.engineRun(signal)).rejects.toThrow('enough');
        await expect(engine.logEntries(app, ONCE, signal)).rejects.toThrow('enough');
        await expect(engine.inspectContainer(app, signal)).rejects.toThrow('enough');
        await expect(engine.removeContainer(app, { removeAnonymousVolumes: true }, signal)).rejects.toThrow(
          'enough',
        );
        await expect(engine.putArchive(app, '/', Buffer.alloc(1_024), signal)).rejects.toThrow('enough');
      });
    });

    describe('containers', () => {
      it('tells what it made of a spec', async () => {
        const id = await engine.createContainer(
          app,
          spec({
            Env: ['A=1'],
            Tty: true,
            StopSignal: 'SIGQUIT',
            HostConfig: { Binds: ['contract-data:/data', '/tmp:/host:ro'] },
          }),
        );
        const container = await engine.inspectContainer(app);
        const image = await engine.inspectImage(IMAGE);
        expect(container).toMatchObject({
          id,
          name: app,
          imageId: image?.id,
          tty: true,
          user: '',
          stopSignal: 'SIGQUIT',
        });
        expect(container?.env).toContain('A=1');
        expect(container?.labels).toEqual({ [LABEL]: app });
        expect(container?.state).toMatchObject({ status: 'created', running: false, restartCount: 0 });
        expect(container?.mounts.toSorted((a, b) => (a.destination < b.destination ? -1 : 1))).toEqual([
          {
            destination: '/data',
            source: expect.stringMatching(/\/volumes\/contract-data\/_data$/) as string,
            type: 'volume',
            writable: true,
            volumeName: 'contract-data',
          },
          { destination: '/host', source: '/tmp', type: 'bind', writable: false, volumeName: undefined },
        ]);
        await engine.removeContainer(app, { removeAnonymousVolumes: true });
        await engine.removeVolume('contract-data').catch(() => undefined);
      });

      it('finds a container and an image by the beginning of their ids, too', async () => {
        const id = await engine.createContainer(app, spec({}));
        const found = await engine.inspectContainer(id.slice(0, 12));
        expect(found).toMatchObject({ id, name: app });
        const start = found?.imageId.replace('sha256:', '').slice(0, 12) ?? '';
        expect((await engine.inspectImage(start))?.id).toBe(found?.imageId);
        expect(await engine.inspectImage(`${start}:latest`)).toBeUndefined();
        await engine.removeContainer(app, { removeAnonymousVolumes: true });
      });

      it('knows nothing of a container or an image that is not there', async () => {
        expect(await engine.inspectContainer(app)).toBeUndefined();
        expect(await engine.inspectImage(`${app}:latest`)).toBeUndefined();
      });

      it('answers 404 for what cannot be done without one', async () => {
        await expect(engine.startContainer(app)).rejects.toMatchObject({ status: 404 });
        await expect(engine.restartContainer(app, 1)).rejects.toMatchObject({ status: 404 });
        await expect(engine.killContainer(app, 'SIGKILL')).rejects.toMatchObject({ status: 404 });
        await expect(engine.renameContainer(app, newName())).rejects.toMatchObject({ status: 404 });
        await expect(engine.exec(app, { argv: ['cat'] })).rejects.toMatchObject({ status: 404 });
        await expect(engine.waitContainer(app, 'not-running')).rejects.toMatchObject({ status: 404 });
        await expect(engine.logs(app, ONCE)).rejects.toMatchObject({ status: 404 });
        await expect(engine.logEntries(app, ONCE)).rejects.toMatchObject({ status: 404 });
        await expect(engine.putArchive(app, '/', Buffer.alloc(1_024))).rejects.toMatchObject({ status: 404 });
        await expect(engine.createContainer(app, spec({ Image: `${app}:latest` }))).rejects.toMatchObject({
          status: 404,
          name: 'EngineError',
        });
      });

      it('refuses a second one of the same name', async () => {
        await engine.createContainer(app, spec());
        await expect(engine.createContainer(app, spec())).rejects.toMatchObject({ status: 409 });
      });

      it('renames, unless the name is taken', async () => {
        const [other, fresh] = [newName(), newName()];
        const id = await engine.createContainer(app, spec());
        await engine.createContainer(other, spec());
        await expect(engine.renameContainer(app, other)).rejects.toMatchObject({ status: 409 });
        await engine.renameContainer(app, fresh);
        expect((await engine.inspectContainer(fresh))?.id).toBe(id);
      });

      it('changes the restart policy of one that runs and of one that does not, and back', async () => {
        const RestartPolicy = { Name: 'on-failure', MaximumRetryCount: 3 };
        await engine.createContainer(app, spec({ HostConfig: { RestartPolicy } }));
        const given = { name: 'on-failure', maximumRetries: 3 };
        const none = { name: 'no', maximumRetries: 0 };
        const policy = async () => (await engine.inspectContainer(app))?.restartPolicy;
        expect(await policy()).toEqual(given);
        await engine.setRestartPolicy(app, none);
        expect(await policy()).toEqual(none);
        await engine.startContainer(app);
        await engine.setRestartPolicy(app, given);
        expect(await policy()).toEqual(given);
        await expect(engine.setRestartPolicy(newName(), none)).rejects.toMatchObject({ status: 404 });
      });

      it('removes a running one, and one that is gone already', async () => {
        await engine.createContainer(app, spec());
        await engine.startContainer(app);
        await engine.removeContainer(app, { removeAnonymousVolumes: true });
        expect(await engine.inspectContainer(app)).toBeUndefined();
        await engine.removeContainer(app, { removeAnonymousVolumes: true });
      });

      it('is gone when any of several removals at once has ended', async () => {
        await engine.createContainer(app, spec());
        await engine.startContainer(app);
        const removal = async () => {
          await engine.removeContainer(app, { removeAnonymousVolumes: true });
          expect(await engine.inspectContainer(app)).toBeUndefined();
        };
        await Promise.all([removal(), removal(), removal()]);
      });

      it('lists by label, running ones or all', async () => {
        await engine.createContainer(app, spec());
        const label = `${LABEL}=${app}`;
        expect(await engine.listContainers({ all: false, label })).toEqual([]);
        await engine.startContainer(app);
        const [listed] = await engine.listContainers({ all: false, label });
        expect(listed).toMatchObject({ name: app, image: IMAGE, state: 'running', labels: { [LABEL]: app } });
        expect(await engine.listContainers({ all: true, label: LABEL })).toContainEqual(listed);
      });

      it('lists the ports of the device that it has, each once', async () => {
        const PortBindings = {
          '80/tcp': [{ HostPort: '18080' }],
          '81/tcp': [{ HostPort: '18081' }],
          '80/udp': [{ HostPort: '18080' }],
        };
        const HostConfig = { ...spec().HostConfig, NetworkMode: 'bridge', PortBindings };
        const ExposedPorts = { '80/tcp': {}, '81/tcp': {}, '80/udp': {} };
        await engine.createContainer(app, spec({ HostConfig, ExposedPorts }));
        await engine.startContainer(app);
        const [listed] = await engine.listContainers({ all: true, label: `${LABEL}=${app}` });
        expect(listed?.publishedPorts.toSorted()).toEqual([18080, 18081]);
      });
    });

    describe('running', () => {
      it('starts without complaint what runs already, and knows when it was made and when it ended', async () => {
        await engine.createContainer(app, spec());
        await engine.startContainer(app);
        await engine.startContainer(app);
        const running = await engine.inspectContainer(app);
        expect(running?.state).toMatchObject({ running: true, finishedAt: undefined });
        await stop();
        const ended = await engine.inspectContainer(app);
        expect(ended?.state.status).toBe('exited');
        expect(ended?.state.finishedAt).toMatch(/^20\d\d-\d\d-\d\dT/);
        expect(ended?.createdAt).toMatch(/^20\d\d-\d\d-\d\dT/);
      });

      it('kills, and says whether there was something to kill', async () => {
        await engine.createContainer(app, spec());
        expect(await engine.killContainer(app, 'SIGKILL')).toBe(false);
        await engine.startContainer(app);
        expect(await engine.killContainer(app, 'SIGKILL')).toBe(true);
        expect(await engine.waitContainer(app, 'not-running')).toBe(137);
        expect(await engine.killContainer(app, 'SIGKILL')).toBe(false);
      });

      it('restarts what runs, and starts what does not', async () => {
        await engine.createContainer(app, spec({ Cmd: sh('logAndWait') }));
        await engine.restartContainer(app, 0);
        const first = await engine.inspectContainer(app);
        const exit = engine.waitContainer(app, 'next-exit');
        await engine.inspectContainer(app);
        await engine.restartContainer(app, 0);
        expect([137, 143]).toContain(await exit);
        const second = await engine.inspectContainer(app);
        expect(first?.state.running).toBe(true);
        expect(second?.state).toMatchObject({ running: true, restartCount: 0 });
        expect(second?.state.startedAt).not.toBe(first?.state.startedAt);
      });

      it('waits for the next exit although the restart policy starts it again', async () => {
        await engine.createContainer(
          app,
          spec({ Cmd: sh('exit5'), HostConfig: { RestartPolicy: { Name: 'always' } } }),
        );
        const exit = engine.waitContainer(app, 'next-exit');
        await engine.inspectContainer(app);
        await engine.startContainer(app);
        expect(await exit).toBe(5);
      });

      it('may answer 0 to whoever waits for the exit of one that crashes, when somebody restarts it', async () => {
        const HostConfig = { RestartPolicy: { Name: 'always' } };
        await engine.createContainer(app, spec({ Cmd: sh('exit5'), HostConfig }));
        await engine.startContainer(app);
        const paused = async () => {
          const state = (await engine.inspectContainer(app))?.state;
          return state?.restarting === true && state.restartCount > 2 ? state : undefined;
        };
        const crashed = await eventually(paused, { what: 'a longer pause', withinMs: 20_000 });
        expect(crashed).toMatchObject({ status: 'restarting', running: true, exitCode: 5 });
        const exit = engine.waitContainer(app, 'next-exit');
        await engine.inspectContainer(app);
        await engine.restartContainer(app, 0);
        expect([0, 5]).toContain(await exit);
        const state = (await engine.inspectContainer(app))?.state;
        expect(state?.startedAt).not.toBe(crashed.startedAt);
        expect(state?.restartCount).toBeLessThan(crashed.restartCount);
      });

      it.each([
        ['is not started again after any signal when it names no stop signal', undefined, 0],
        ['is started again after every signal but its stop signal', 'SIGTERM', 1],
      ])('%s', async (_what, StopSignal, restarts) => {
        const HostConfig = { RestartPolicy: { Name: 'always' } };
        const stopSignal = StopSignal === undefined ? {} : { StopSignal };
        await engine.createContainer(app, spec({ Cmd: sh('exit6AtHangUp'), HostConfig, ...stopSignal }));
        await engine.startContainer(app);
        const { stdout } = await engine.logs(app, { follow: true, timestamps: false });
        await once(stdout, 'data');
        const exit = engine.waitContainer(app, 'next-exit');
        await engine.inspectContainer(app);
        await engine.killContainer(app, 'SIGHUP');
        expect(await exit).toBe(6);
        const settled = async () => {
          const { running, restarting, restartCount } = (await engine.inspectContainer(app))?.state ?? {};
          return running === restarts > 0 && !restarting ? restartCount : undefined;
        };
        expect(await eventually(settled, { what: 'a decision', withinMs: 20_000 })).toBe(restarts);
      });

      it('waits for the removal of one that does not run', async () => {
        await engine.createContainer(app, spec({ Cmd: sh('exit5') }));
        await engine.startContainer(app);
        await engine.waitContainer(app, 'not-running');
        const removal = engine.waitContainer(app, 'removed');
        const ended = removal.then(() => 'ended');
        await engine.inspectContainer(app);
        expect(await Promise.race([ended, engine.inspectContainer(app).then(() => 'waits')])).toBe('waits');
        await engine.removeContainer(app, { removeAnonymousVolumes: false });
        expect(await removal).toBe(5);
      });

      it('runs an entrypoint with the command behind it', async () => {
        const [shell = '', option = '', script = ''] = sh('exit5');
        await engine.createContainer(app, spec({ Entrypoint: [shell, option], Cmd: [script] }));
        const exit = engine.waitContainer(app, 'next-exit');
        await engine.inspectContainer(app);
        await engine.startContainer(app);
        expect(await exit).toBe(5);
      });

      it('a wait ends with the reason of its signal', async () => {
        await engine.createContainer(app, spec());
        await engine.startContainer(app);
        const abort = new AbortController();
        const waiting = engine.waitContainer(app, 'not-running', abort.signal);
        abort.abort(new Error('enough'));
        await expect(waiting).rejects.toThrow('enough');
      });
    });

    describe('exec', () => {
      beforeEach(async () => {
        await engine.createContainer(app, spec());
        await engine.startContainer(app);
      });

      it('hands over input to its end and gives both outputs and the exit code', async () => {
        expect(await run({ argv: ['cat'] }, 'hello')).toEqual({ stdout: 'hello', stderr: '', exitCode: 0 });
        expect(await run({ argv: sh('outErrExit3') })).toEqual({
          stdout: 'out\n',
          stderr: 'err\n',
          exitCode: 3,
        });
      });

      it('is binary safe both ways, for more than fits in any buffer', async () => {
        const bytes = Buffer.alloc(3_000_000, Buffer.from([0, 1, 2, 3, 255, 254, 10, 13, 128]));
        const session = await engine.exec(app, { argv: ['cat'] });
        session.stdin.end(bytes);
        const [echoed] = await Promise.all([buffer(session.stdout), text(session.stderr)]);
        expect(echoed.equals(bytes)).toBe(true);
      });

      it('drops what a program that has ended did not read', async () => {
        expect(await run({ argv: sh('ignoreInput') }, 'x'.repeat(3_000_000))).toMatchObject({ exitCode: 4 });
      });

      it('puts all output into one stream on a terminal', async () => {
        const ended = await run({ argv: sh('outErrExit3'), terminal: { columns: 99, rows: 33 } });
        expect({ ...ended, stdout: ended.stdout.replaceAll('\r', '') }).toEqual({
          stdout: 'out\nerr\n',
          stderr: '',
          exitCode: 3,
        });
      });

      it('ends with 126 or 127 when there is no such program', async () => {
        expect([126, 127]).toContain((await run({ argv: ['no-such-program'] })).exitCode);
      });

      it('fails everywhere with the reason of its signal, and the process sees the end of its input', async () => {
        const abort = new AbortController();
        const session = await engine.exec(app, { argv: sh('waitForEof') }, abort.signal);
        abort.abort(new Error('enough'));
        await expect(session.exitCode).rejects.toThrow('enough');
        await expect(text(session.stdout)).rejects.toThrow('enough');
        await expect.poll(() => engine.statPath(app, '/tmp/eof')).toBeDefined();
      });

      it('is refused with 409 in a container that does not run', async () => {
        await stop();
        await expect(engine.exec(app, { argv: ['cat'] })).rejects.toMatchObject({ status: 409 });
      });
    });

    describe('archives', () => {
      beforeEach(async () => {
        await engine.createContainer(app, spec());
      });

      it('tells the state of a path, of a link itself, and of nothing', async () => {
        await engine.putArchive(
          app,
          '/tmp',
          await tarOf([
            { name: 'file', content: 'hello', mode: 0o640 },
            { name: 'link', type: 'symlink', linkname: 'nowhere' },
          ]),
        );
        expect(await engine.statPath(app, '/tmp/file')).toEqual({
          name: 'file',
          sizeBytes: 5,
          goMode: 0o640,
          linkTarget: '',
        });
        expect(await engine.statPath(app, '/tmp/link')).toMatchObject({
          name: 'link',
          linkTarget: '/tmp/nowhere',
        });
        expect(await engine.statPath(app, '/tmp/none')).toBeUndefined();
        expect(await engine.statPath(app, '/none/none')).toBeUndefined();
        expect(await engine.statPath(newName(), '/tmp')).toBeUndefined();
      });

      it('tells where a link leads in the end, with all links followed that are on the way', async () => {
        await engine.putArchive(
          app,
          '/tmp',
          await tarOf([
            { name: 'real/folder/', type: 'directory' },
            { name: 'real/folder/inner', type: 'symlink', linkname: 'nowhere' },
            { name: 'first', type: 'symlink', linkname: 'real' },
            { name: 'second', type: 'symlink', linkname: '/tmp/first/folder' },
          ]),
        );
        expect(await engine.statPath(app, '/tmp/second')).toMatchObject({ linkTarget: '/tmp/real/folder' });
        expect(await engine.statPath(app, '/tmp/second/inner')).toMatchObject({
          linkTarget: '/tmp/real/folder/nowhere',
        });
      });

      it.each(['created', 'running', 'stopped'])(
        'gives back what it was given, in a %s container',
        async (state) => {
          if (state !== 'created') await engine.startContainer(app);
          if (state === 'stopped') await stop();
          const tar = await tarOf([
            { name: 'd/', type: 'directory', mode: 0o700 },
            { name: 'd/file', content: 'hello' },
            { name: 'd/hard', type: 'link', linkname: 'd/file' },
            { name: 'd/soft', type: 'symlink', linkname: 'file' },
            { name: 'deep/er/file', content: 'parents are made' },
          ]);
          await engine.putArchive(app, '/tmp', tar);
          const files = await filesIn(await engine.getArchive(app, '/tmp/d'));
          expect(files).toMatchObject({ 'd/': '', 'd/soft': '-> file' });
          // A hard link comes back as a copy or as a link to the other name, whichever came first.
          expect([files['d/file'], files['d/hard']]).toContain('hello');
          expect(await filesIn(await engine.getArchive(app, '/tmp/deep/er/file'))).toEqual({
            file: 'parents are made',
          });
          expect((await engine.statPath(app, '/tmp/d'))?.goMode).toBe(2 ** 31 + 0o700);
        },
      );

      it('takes streams, and gzip of either', async () => {
        const tar = await tarOf([{ name: 'file', content: 'x'.repeat(100_000) }]);
        await engine.putArchive(app, '/tmp', Readable.from([tar.subarray(0, 700), tar.subarray(700)]));
        expect((await engine.statPath(app, '/tmp/file'))?.sizeBytes).toBe(100_000);
        await engine.putArchive(app, '/tmp', gzipSync(await tarOf([{ name: 'file', content: 'zipped' }])));
        expect(await filesIn(await engine.getArchive(app, '/tmp/file'))).toEqual({ file: 'zipped' });
        await engine.putArchive(
          app,
          '/tmp',
          Readable.from([gzipSync(await tarOf([{ name: 'file', content: 'again' }]))]),
        );
        expect(await filesIn(await engine.getArchive(app, '/tmp/file'))).toEqual({ file: 'again' });
      });

      it('puts a file in place of a folder with all in it, and a folder in place of a file', async () => {
        await engine.putArchive(
          app,
          '/tmp',
          await tarOf([
            { name: 'a/b', content: '1' },
            { name: 'c', content: '2' },
          ]),
        );
        await engine.putArchive(
          app,
          '/tmp',
          await tarOf([
            { name: 'a', content: '3' },
            { name: 'c/', type: 'directory' },
            { name: 'c/d', content: '4' },
          ]),
        );
        expect(await filesIn(await engine.getArchive(app, '/tmp/a'))).toEqual({ a: '3' });
        expect(await filesIn(await engine.getArchive(app, '/tmp/c'))).toEqual({ 'c/': '', 'c/d': '4' });
      });

      it('has nothing to give for a path or a container that is not there', async () => {
        expect(await engine.getArchive(app, '/none')).toBeUndefined();
        expect(await engine.getArchive(newName(), '/tmp')).toBeUndefined();
      });

      it('says no to a folder that is not there, even when the body is large', async () => {
        const tar = await tarOf([{ name: 'file', content: 'x'.repeat(3_000_000) }]);
        await expect(engine.putArchive(app, '/none', tar)).rejects.toMatchObject({ status: 404 });
        await expect(engine.putArchive(app, '/none', Readable.from([tar, tar, tar]))).rejects.toMatchObject({
          status: 404,
        });
      });

      it('says no to a link to nothing', async () => {
        const tar = await tarOf([{ name: 'hard', type: 'link', linkname: 'none' }]);
        await expect(engine.putArchive(app, '/tmp', tar)).rejects.toMatchObject({ name: 'EngineError' });
      });

      it('rejects with the failure of the stream that it was given', async () => {
        const tar = await tarOf([{ name: 'file', content: 'x'.repeat(100_000) }]);
        const broken = Readable.from(
          (function* () {
            yield tar.subarray(0, 50_000);
            throw new Error('the disk cannot be read');
          })(),
        );
        await expect(engine.putArchive(app, '/tmp', broken)).rejects.toThrow('the disk cannot be read');
      });
    });

    describe('logs', () => {
      const read = async (options: { tail?: number } = {}) => {
        const { stdout, stderr } = await engine.logs(app, { follow: false, timestamps: false, ...options });
        const [out, err] = await Promise.all([text(stdout), text(stderr)]);
        return { out, err };
      };

      it('gives both outputs apart, all or the last lines', async () => {
        await engine.createContainer(app, spec({ Cmd: sh('log') }));
        await engine.startContainer(app);
        await engine.waitContainer(app, 'not-running');
        expect(await read()).toEqual({ out: 'one\nthree\n', err: 'two\n' });
        const { out, err } = await read({ tail: 1 });
        expect(out + err).toMatch(/^(one|two|three)\n$/);
      });

      it('follows until the container stops', async () => {
        await engine.createContainer(app, spec({ Cmd: sh('logAndWait') }));
        await engine.startContainer(app);
        const { stdout, stderr } = await engine.logs(app, { follow: true, timestamps: false });
        const both = Promise.all([text(stdout), text(stderr)]);
        await expect.poll(async () => (await read()).out).toBe('one\nthree\n');
        await engine.killContainer(app, 'SIGKILL');
        expect(await both).toEqual(['one\nthree\n', 'two\n']);
      });

      it('end, and do not fail, when the signal is aborted', async () => {
        await engine.createContainer(app, spec({ Cmd: sh('logAndWait') }));
        await engine.startContainer(app);
        await expect.poll(async () => (await read()).out).toBe('one\nthree\n');
        const abort = new AbortController();
        const { stdout, stderr } = await engine.logs(app, { follow: true, timestamps: false }, abort.signal);
        stderr.resume();
        let seen = '';
        for await (const chunk of stdout) {
          seen += String(chunk);
          if (seen.includes('three')) abort.abort(new Error('enough'));
        }
        expect(seen).toBe('one\nthree\n');
      });
    });

    describe('log entries', () => {
      const TIME = /^(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) /;
      const started = async (script: keyof typeof SCRIPTS, changes: Partial<ContainerSpec> = {}) => {
        await engine.createContainer(app, spec({ Cmd: sh(script), ...changes }));
        await engine.startContainer(app);
      };
      const ended = async (changes: Partial<ContainerSpec> = {}) => {
        await started('log', changes);
        await engine.waitContainer(app, 'not-running');
      };
      const rows = async ({ batches }: LogEntries): Promise<string[]> => {
        const found: string[] = [];
        for await (const batch of batches) {
          found.push(...batch.map(({ stream, bytes }) => `${stream} ${bytes.toString()}`));
        }
        return found;
      };
      /** Both outputs are stamped by threads of their own: their order is only sure within one. */
      const ALL = ['stderr two\n', 'stdout one\n', 'stdout three\n'];

      it('are the messages of both outputs, all or the last ones', async () => {
        await ended();
        const entries = await engine.logEntries(app, ONCE);
        expect(entries.terminal).toBe(false);
        expect((await rows(entries)).toSorted()).toEqual(ALL);
        expect(await rows(await engine.logEntries(app, { ...ONCE, tail: 1 }))).toHaveLength(1);
      });

      it('have a time each, from which the log can be asked for again', async () => {
        await ended();
        const stamped = { follow: false, timestamps: true };
        const all = await rows(await engine.logEntries(app, stamped));
        const times = all.map((row) => TIME.exec(row.replace(/^\w+ /, ''))?.[1] ?? '');
        expect(times.every((time) => time !== '')).toBe(true);
        const [, , last = ''] = times.toSorted();
        const again = await rows(await engine.logEntries(app, { ...stamped, since: last }));
        expect(all).toEqual(expect.arrayContaining(again));
        expect(again.length).toBe(times.filter((time) => time >= last).length);
      });

      it('say whether a terminal made one output of both', async () => {
        await ended({ Tty: true });
        const entries = await engine.logEntries(app, ONCE);
        expect(entries.terminal).toBe(true);
        expect((await rows(entries)).every((row) => row.startsWith('stdout '))).toBe(true);
      });

      it('come until the container stops, when they are followed', async () => {
        await started('logAndWait');
        const entries = await engine.logEntries(app, { follow: true, timestamps: false });
        const all = rows(entries);
        await expect
          .poll(async () => (await rows(await engine.logEntries(app, ONCE))).length)
          .toBe(ALL.length);
        await engine.killContainer(app, 'SIGKILL');
        expect((await all).toSorted()).toEqual(ALL);
      });

      it('reject with the reason of their signal', async () => {
        await started('logAndWait');
        const abort = new AbortController();
        const { batches } = await engine.logEntries(app, { follow: true, timestamps: false }, abort.signal);
        const read = async () => {
          for await (const batch of batches) if (batch.length > 0) abort.abort(new Error('enough'));
        };
        await expect(read()).rejects.toThrow('enough');
      });
    });

    describe('images', () => {
      it('tell what they run, how it is stopped, and where they want a volume', async () => {
        const image = await engine.inspectImage(IMAGE);
        expect(image).toMatchObject({ entrypoint: [], command: ['sh'], stopSignal: 'SIGTERM', volumes: [] });
      });

      it('keeps an image that is in use or has other tags, and forgets a tag', async () => {
        const image = await engine.inspectImage(IMAGE);
        await engine.tagImage(IMAGE, app, 'one');
        expect((await engine.inspectImage(`${app}:one`))?.id).toBe(image?.id);
        expect(await engine.removeImage(image?.id ?? '')).toBe(false);
        expect(await engine.removeImage(`${app}:one`)).toBe(true);
        expect(await engine.removeImage(`${app}:one`)).toBe(false);
        await engine.createContainer(app, spec());
        expect(await engine.removeImage(IMAGE)).toBe(false);
        expect((await engine.inspectImage(IMAGE))?.tags).toEqual([IMAGE]);
        await expect(engine.tagImage(`${app}:none`, app, 'two')).rejects.toMatchObject({ status: 404 });
      });
    });

    describe('volumes', () => {
      it('never overwrites one, lists by label, and removes', async () => {
        const volume = `${app}-lock`;
        const label = `${LABEL}=${app}`;
        const labels = { [LABEL]: app, holder: 'first' };
        expect(await engine.createVolume(volume, labels)).toEqual({ name: volume, labels });
        expect(await engine.createVolume(volume, { ...labels, holder: 'second' })).toEqual({
          name: volume,
          labels,
        });
        const { volumes, deviceTimeMs } = await engine.listVolumes(label);
        expect(volumes).toEqual([{ name: volume, labels }]);
        expect(deviceTimeMs).toBeGreaterThan(1_500_000_000_000);
        await engine.removeVolume(volume);
        expect((await engine.listVolumes(label)).volumes).toEqual([]);
        await expect(engine.removeVolume(volume)).rejects.toMatchObject({ status: 404 });
      });
    });
  });
};
