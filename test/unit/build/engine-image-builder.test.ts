import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { BuildEvent } from '../../../src/build/build-event.js';
import type { BuilderKind } from '../../../src/build/build-event.js';
import { EngineImageBuilder } from '../../../src/transport/docker/build-http.js';
import { requestOf } from '../../contract/image-builder-contract.js';
import { recorded, type ScriptedEngine, scriptedEngine } from './scripted-engine.js';

const request = requestOf({ Dockerfile: 'FROM busybox\n' });

async function build(engine: ScriptedEngine, change: Partial<typeof request> = {}) {
  const events: BuildEvent[] = [];
  const outcome = await new EngineImageBuilder(engine.http).build({ ...request, ...change }, (e) =>
    events.push(e),
  );
  return { outcome, events };
}

/** The outcome and the events of a recorded answer. */
async function replay(name: string) {
  await using engine = await scriptedEngine((_request, response) => response.end(recorded(name)));
  return await build(engine);
}

/** One line an event, short enough to compare. */
const told = (events: readonly BuildEvent[]): string[] =>
  events.flatMap((event) => {
    if (event.type === 'output') return [`${event.stream}: ${event.line}`];
    if (event.type === 'step-finished') return [`${event.cached ? 'cached' : 'done'} ${event.step.name}`];
    if (event.type === 'step-started' || event.type === 'step-failed')
      return [`${event.type} ${event.step.name}`];
    return [];
  });

const RUN = 'RUN echo out; echo err >&2; printf part; sleep 0.3; printf "ial\\n"';

describe('the answer of the classic builder', () => {
  it('is a row of steps, their output with its two streams, and the id of the last image', async () => {
    const { outcome, events } = await replay('ok.classic');
    const imageId = 'sha256:beed00720a839846a21691d547bb0ec876e524a20b48d306b8a38bab3e2fb16f';
    expect(outcome).toEqual({ type: 'built', imageId, builder: 'classic' });
    const lines = told(events);
    expect(lines.slice(0, 2)).toEqual(['step-started [1/9] ARG X=1', 'done [1/9] ARG X=1']);
    expect(lines.slice(8, 13)).toEqual([
      `step-started [5/9] ${RUN}`,
      'stderr: err',
      'stdout: out',
      'stdout: partial',
      `done [5/9] ${RUN}`,
    ]);
    expect(lines.at(-1)).toBe('done [9/9] CMD ["x"]');
  });

  it('marks what came from the cache', async () => {
    const { events } = await replay('cached.classic');
    expect(told(events).filter((line) => line.startsWith('cached'))).toEqual([
      'cached [3/9] WORKDIR /w',
      'cached [4/9] COPY a a',
      `cached [5/9] ${RUN}`,
      'cached [7/9] ONBUILD RUN echo hi',
      'cached [8/9] RUN true',
      'cached [9/9] CMD ["x"]',
    ]);
  });

  it('ends with the step that failed, its exit code and output', async () => {
    const { outcome } = await replay('fail.classic');
    expect(outcome).toMatchObject({
      failure: { step: { number: 2 }, runExitCode: 7, output: ['err', 'before'], builder: 'classic' },
    });
  });

  it('gives the output of a base image’s triggers to the FROM that has them', async () => {
    const { events } = await replay('onb.classic');
    expect(told(events).slice(0, 4)).toEqual([
      'step-started [1/2] FROM onb',
      'stdout: # Executing 1 build trigger',
      'stdout: hi',
      'done [1/2] FROM onb',
    ]);
  });

  it('is lost when it ends in the middle, even after the image of a stage', async () => {
    const whole = recorded('ok.classic').toString();
    const cut = whole.slice(0, whole.indexOf('Step 7/9'));
    await using engine = await scriptedEngine((_request, response) => response.end(`${cut}"}\n`));
    await expect(build(engine)).rejects.toMatchObject({ exitCode: 4 });
  });

  it('is the same in the words of newer engines', async () => {
    const newer = recorded('ok.classic')
      .toString()
      .replaceAll('"Removing intermediate', '" ---> Removed intermediate');
    await using engine = await scriptedEngine((_request, response) => response.end(newer));
    const { events } = await build(engine);
    expect(newer).toContain(' ---> Removed intermediate container 29a6e8ad9db3\\n');
    expect(told(events)).toEqual(told((await replay('ok.classic')).events));
  });

  it('asks for the image’s id when the engine is too old to tell it', async () => {
    const old = recorded('ok.classic')
      .toString()
      .replaceAll(/\{"aux".*\n/g, '');
    await using engine = await scriptedEngine(({ path }, response) =>
      path.endsWith('/json') ? response.end('{"Id":"sha256:old"}') : response.end(old),
    );
    expect((await build(engine)).outcome).toMatchObject({ imageId: 'sha256:old' });
  });
});

describe('the answer of BuildKit', () => {
  it('is a row of steps, their output with its two streams, and the id of the image', async () => {
    const { outcome, events } = await replay('ok.buildkit');
    const imageId = 'sha256:e3de308ac2e9a072c1de6041c8168e7c855ea0a3e33f33194a8cb73904f4479a';
    expect(outcome).toEqual({ type: 'built', imageId, builder: 'buildkit' });
    expect(told(events).slice(12, -4)).toEqual([
      `step-started [base 4/4] ${RUN}`,
      'stdout: out',
      'stderr: err',
      'stdout: partial',
      `done [base 4/4] ${RUN}`,
    ]);
  });

  it('marks what came from the cache, and what is not in the Dockerfile', async () => {
    const { events } = await replay('cached.buildkit');
    expect(told(events).filter((line) => line.startsWith('cached'))).toHaveLength(4);
    const prepared = events.flatMap((e) =>
      e.type === 'step-started' && e.step.kind === 'preparation' ? e.step.name : [],
    );
    expect(prepared).toEqual([
      '[internal] load remote build context',
      'copy /context /',
      '[internal] load metadata for docker.io/library/busybox:latest',
      'exporting to image',
    ]);
  });

  it('ends with the step that failed, its exit code and output', async () => {
    const { outcome } = await replay('fail.buildkit');
    expect(outcome).toMatchObject({
      failure: { runExitCode: 7, output: ['err', 'before'], builder: 'buildkit' },
    });
  });

  it('blames the step that failed, not those that were cancelled because of it', async () => {
    const { outcome, events } = await replay('par.buildkit');
    expect(outcome).toMatchObject({
      failure: { step: { name: '[x 2/2] RUN sleep 2; exit 3' }, runExitCode: 3 },
    });
    expect(told(events).filter((line) => line.startsWith('step-failed'))).toHaveLength(2);
  });

  it('has no step when the Dockerfile does not parse', async () => {
    const { outcome } = await replay('syntax.buildkit');
    expect(outcome).toMatchObject({ type: 'failed', failure: { step: undefined, builder: 'buildkit' } });
  });
});

describe('a build request', () => {
  it('says what to build, and keeps away half-made containers', async () => {
    await using engine = await scriptedEngine((_request, response) => response.end(recorded('ok.buildkit')));
    await build(engine, {
      dockerfile: 'sub/File',
      tag: 'app:latest',
      labels: { a: 'b' },
      buildArgs: { V: '1' },
    });
    const { path, query, headers, bodyBytes } = engine.seen[0] ?? expect.fail();
    expect(path).toMatch(/\/build$/);
    expect(Object.fromEntries(query)).toEqual({
      version: '2',
      t: 'app:latest',
      dockerfile: 'sub/File',
      labels: '{"a":"b"}',
      buildargs: '{"V":"1"}',
      networkmode: 'default',
      rm: 'true',
      forcerm: 'true',
    });
    expect(headers['content-type']).toBe('application/x-tar');
    expect(headers).not.toHaveProperty('x-registry-config');
    expect(bodyBytes).toBeGreaterThan(1024);
  });

  it('carries the credentials in the alphabet that the engine decodes', async () => {
    await using engine = await scriptedEngine((_request, response) => response.end(recorded('ok.classic')));
    const credentials = { 'registry.example': { username: 'anna', password: '??>>~~ü' } };
    await build(engine, { credentials, preferred: 'classic' });
    const header = engine.seen[0]?.headers['x-registry-config'];
    expect(header).toMatch(/^[A-Za-z0-9_-]+=*$/);
    expect(String(header).length % 4).toBe(0);
    expect(JSON.parse(Buffer.from(String(header), 'base64url').toString())).toEqual(credentials);
  });

  it('goes again, to the classic builder, to an engine that shows no sign of BuildKit', async () => {
    await using engine = await scriptedEngine(({ query }, response) => {
      if (query.get('version') === '1') response.end(recorded('ok.classic'));
      else response.writeHead(400).end('{"message":"buildkit is not here"}');
    });
    const builder = new EngineImageBuilder(engine.http);
    const kinds: BuilderKind[] = [];
    for (let i = 0; i < 2; i++) {
      const outcome = await builder.build(request, () => undefined);
      if (outcome.type === 'built') kinds.push(outcome.builder);
    }
    expect(kinds).toEqual(['classic', 'classic']);
    expect(engine.seen.map(({ query }) => query.get('version'))).toEqual(['2', '1', '1']);
    expect(engine.seen[1]?.bodyBytes).toBe(engine.seen[0]?.bodyBytes);
  });

  it('goes once to an old engine that builds in its own way whatever it was asked', async () => {
    await using engine = await scriptedEngine((_request, response) => response.end(recorded('ok.classic')));
    expect((await build(engine)).outcome).toMatchObject({ builder: 'classic' });
    expect(engine.seen).toHaveLength(1);
  });

  it('is a failed build when both builders refuse it', async () => {
    await using engine = await scriptedEngine((_request, response) =>
      response.writeHead(500).end('{"message":"no space left on device"}'),
    );
    expect((await build(engine)).outcome).toMatchObject({
      type: 'failed',
      failure: { message: 'no space left on device', builder: 'classic' },
    });
  });
});

describe('an engine that takes no session', () => {
  const files = {
    key: 'k',
    level: undefined,
    offer: () => Promise.resolve({ entries: [], read: () => Readable.from([]) }),
  };
  const refusing = () =>
    scriptedEngine(({ path }, response) => {
      if (path.endsWith('/session')) response.writeHead(404).end();
      else response.end(recorded('ok.buildkit'));
    });
  const asked = (engine: ScriptedEngine): string[] =>
    engine.seen.map(({ path, query }) =>
      `${path.replace(/^\/v[\d.]+/, '')} ${query.get('version') ?? ''}`.trim(),
    );

  it('gets the context as a tar, and is not asked again', async () => {
    await using engine = await refusing();
    const builder = new EngineImageBuilder(engine.http);
    for (let time = 0; time < 2; time++) {
      const outcome = await builder.build({ ...request, files }, () => undefined);
      expect(outcome).toMatchObject({ type: 'built', builder: 'buildkit' });
    }
    expect(asked(engine)).toEqual(['/session', '/build 2', '/build 2']);
    expect(engine.seen[1]?.bodyBytes).toBeGreaterThan(0);
  });

  it('builds with its classic builder when there are logins to be used', async () => {
    await using engine = await refusing();
    const credentials = { 'host:5000': { username: 'ann', password: 's3cret' } };
    await new EngineImageBuilder(engine.http).build({ ...request, files, credentials }, () => undefined);
    expect(asked(engine)).toEqual(['/session', '/build 1']);
  });
});
