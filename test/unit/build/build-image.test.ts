import { describe, expect, it } from 'vitest';
import { BuildError } from '../../../src/build/build-error.js';
import type { BuildEvent } from '../../../src/build/build-event.js';
import { buildImage, type BuildImageRequest } from '../../../src/build/build-image.js';
import type { RegistryLogin } from '../../../src/build/image-builder.js';
import { ExitCode, RdtError } from '../../../src/errors.js';
import { FakeImageBuilder } from '../../contract/fake-image-builder.js';
import { temporaryFolder } from './temporary-folder.js';

const clock = { monotonicMs: () => 0, wallMs: () => 0, sleep: () => Promise.resolve() };

function project(files: Readonly<Record<string, string>>, change: Partial<BuildImageRequest> = {}) {
  const builder = new FakeImageBuilder();
  const events: BuildEvent[] = [];
  const source = temporaryFolder(files);
  const request = {
    source,
    tag: 'app:latest',
    labels: {},
    platform: process.platform,
    compress: true,
    clock,
    ...change,
  };
  const build = (signal?: AbortSignal) => buildImage(request, builder, (event) => events.push(event), signal);
  const sent = () => [...(builder.images.get('app:latest')?.files.keys() ?? [])];
  return { builder, events, build, sent, source };
}

describe('building an image', () => {
  it('sends the folder and answers with the image', async () => {
    const { build, builder, sent, events } = project(
      { Dockerfile: 'FROM a\n', 'src/x.js': 'x' },
      { labels: { a: 'b' } },
    );
    const { imageId } = await build();
    expect(builder.images.get('app:latest')).toMatchObject({ id: imageId, labels: { a: 'b' } });
    expect(sent()).toEqual(['Dockerfile', 'src/', 'src/x.js']);
    expect(events.slice(-2).map(({ type }) => type)).toEqual(['built', 'ended']);
  });

  it.each(['Dockerfile', '.dockerignore'])('says what is wrong with a %s that is a folder', async (name) => {
    const { build } = project({
      [`${name}/x`]: '',
      ...(name === 'Dockerfile' ? {} : { Dockerfile: 'FROM a\n' }),
    });
    await expect(build()).rejects.toMatchObject({
      message: `Cannot read ${name} (no file).`,
      hint: 'It has to be a file, and yours to read.',
    });
  });

  it('leaves out what .dockerignore names, but never the Dockerfile nor .dockerignore', async () => {
    const { build, sent } = project({
      Dockerfile: 'FROM a\n',
      '.dockerignore': '*\n!src/**\nsrc/x',
      'src/x': '',
      'src/y': '',
      z: '',
    });
    await build();
    expect(sent()).toEqual(['.dockerignore', 'Dockerfile', 'src/', 'src/y']);
  });

  it('takes the rules beside a Dockerfile of another name first', async () => {
    const files = {
      'docker/dev': 'FROM a\n',
      'docker/dev.dockerignore': 'x',
      '.dockerignore': 'y',
      x: '',
      y: '',
    };
    const { build, sent, builder } = project(files, { dockerfile: './docker/dev' });
    await build();
    expect(sent()).toEqual(['.dockerignore', 'docker/', 'docker/dev', 'docker/dev.dockerignore', 'y']);
    expect(builder.requests[0]?.dockerfile).toBe('docker/dev');
  });

  it('leaves out what rdt itself writes, unless .dockerignore takes it back', async () => {
    const files = {
      Dockerfile: 'FROM a\n',
      '.resin-sync.yml': '',
      'a/.rdt-state': '',
      '.dockerignore': '!.resin-sync.yml',
    };
    const { build, sent } = project(files);
    await build();
    expect(sent()).toEqual(['.dockerignore', '.resin-sync.yml', 'Dockerfile', 'a/']);
  });

  it('says in which line the Dockerfile fails', async () => {
    const { build, events } = project({ Dockerfile: '# hello\nFROM a\n\nRUN echo no good; exit 3\n' });
    const failure = await build().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(BuildError);
    expect(failure).toMatchObject({
      exitCode: ExitCode.buildFailed,
      failure: { output: ['no good'] },
      instruction: { line: 4 },
    });
    expect(events.at(-1)).toEqual({ type: 'ended' });
  });

  it('sends nothing when there is no Dockerfile, no folder, or a wrong rule', async () => {
    const none = project({ a: '' });
    await expect(none.build()).rejects.toThrow('There is no Dockerfile in');
    const small = project({ dockerfile: '' });
    await expect(small.build()).rejects.toMatchObject({
      hint: expect.stringContaining('Is dockerfile meant?') as string,
    });
    const nowhere = project({}, { source: '/no/such/folder' });
    await expect(nowhere.build()).rejects.toThrow('There is no folder');
    const outside = project({ Dockerfile: '' }, { dockerfile: '../Dockerfile' });
    await expect(outside.build()).rejects.toMatchObject({ exitCode: ExitCode.usage });
    const wrong = project({ Dockerfile: '', '.dockerignore': '[a' });
    await expect(wrong.build()).rejects.toThrow('.dockerignore:1:');
    for (const { builder } of [none, nowhere, outside, wrong]) expect(builder.requests).toEqual([]);
  });

  it('ends with the reason of the signal', async () => {
    const reason = new Error('enough');
    await expect(project({ Dockerfile: 'FROM a\n' }).build(AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

class KnownRegistries implements RegistryLogin {
  asked: string[] = [];
  trouble: Error | undefined;

  constructor(private readonly known: readonly string[]) {}

  hasAny(): Promise<boolean> {
    if (this.trouble !== undefined) return Promise.reject(this.trouble);
    return Promise.resolve(this.known.length > 0);
  }

  credentialsFor(registries: readonly string[]) {
    this.asked.push(...registries);
    const found = registries.filter((registry) => this.known.includes(registry));
    return Promise.resolve(
      Object.fromEntries(found.map((r) => [r, { username: 'anna', password: 'geheim' }])),
    );
  }
}

describe('registry credentials', () => {
  const dockerfile = 'FROM host:5000/a AS x\nFROM x\nFROM busybox\nFROM scratch\nFROM team/tool\n';

  it('are those for the registries that the Dockerfile names', async () => {
    const login = new KnownRegistries(['host:5000', 'other']);
    const { build, builder } = project({ Dockerfile: dockerfile }, { login });
    await build();
    expect(login.asked).toEqual(['host:5000', 'docker.io']);
    expect(builder.requests[0]?.credentials).toEqual({
      'host:5000': { username: 'anna', password: 'geheim' },
    });
  });

  it('are left out when they are of no use', async () => {
    const login = new KnownRegistries(['docker.io']);
    const { build, builder } = project({ Dockerfile: 'FROM busybox\n' }, { login });
    await build();
    expect(builder.requests[0]?.credentials).toEqual({});
  });

  it('are none, with a warning, where the logins cannot be read: most images need none', async () => {
    const login = new KnownRegistries(['host:5000']);
    login.trouble = new RdtError('Cannot read the logins.', { hint: 'Mend the file.' });
    const { build, builder, events } = project({ Dockerfile: dockerfile }, { login });
    await build();
    expect(builder.requests[0]?.credentials).toEqual({});
    expect(events).toContainEqual({
      type: 'warning',
      message: 'built without registry logins: Cannot read the logins. Mend the file.',
    });
  });

  it('stop the build when the login fails in a way that nobody foresaw', async () => {
    const login = new KnownRegistries(['host:5000']);
    login.trouble = new TypeError('a bug');
    const { build, builder } = project({ Dockerfile: dockerfile }, { login });
    await expect(build()).rejects.toThrow('a bug');
    expect(builder.requests).toEqual([]);
  });
});
