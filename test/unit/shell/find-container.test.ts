import { describe, expect, it } from 'vitest';
import { chosenContainer, type ContainerChooser, namedContainer } from '../../../src/shell/find-container.js';
import { findShell } from '../../../src/shell/find-shell.js';
import { EngineError } from '../../../src/transport/engine-error.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { type FakeProgram, runUntilKilled } from '../../contract/fake-process.js';

const signal = new AbortController().signal;

async function engineWith(names: readonly string[], program?: FakeProgram): Promise<FakeEngine> {
  const engine = new FakeEngine(program);
  engine.addImage('img', { cmd: ['main'] });
  for (const name of names) {
    const spec = { Image: 'img', Labels: {}, HostConfig: {} };
    await engine.startContainer(await engine.createContainer(name, spec));
  }
  return engine;
}

/** Takes the first one, and keeps the names that it was shown. */
class FirstOf implements ContainerChooser {
  shown: string[] = [];

  choose(containers: Parameters<ContainerChooser['choose']>[0]) {
    this.shown = containers.map(({ name }) => name);
    const [first] = containers;
    if (first === undefined) throw new Error('an empty list');
    return Promise.resolve(first);
  }
}

describe('the containers to choose from', () => {
  const choose = async (names: readonly string[], app?: string) => {
    const chooser = new FirstOf();
    const engine = await engineWith(names);
    const projectApp = () => Promise.resolve(app);
    const { name } = await chosenContainer({ engine, chooser, projectApp, signal });
    return { name, shown: chooser.shown };
  };

  it('come by name, without supervisors', async () => {
    const { shown } = await choose(['web', 'resin_supervisor', 'api', 'balena_supervisor']);
    expect(shown).toEqual(['api', 'web']);
  });

  it('begin with the app of the folder', async () => {
    expect(await choose(['api', 'web'], 'web')).toEqual({ name: 'web', shown: ['web', 'api'] });
  });

  it('are an error with a list where nobody can be asked', async () => {
    const engine = await engineWith(['web', 'api', 'resin_supervisor']);
    const projectApp = () => Promise.resolve(undefined);
    const choosing = chosenContainer({ engine, chooser: undefined, projectApp, signal });
    await expect(choosing).rejects.toMatchObject({
      exitCode: 2,
      hint: expect.stringMatching(/\napi {2}img {2}Up 1 second\nweb {2}img {2}Up 1 second$/) as string,
    });
  });

  it('may be none', async () => {
    await expect(choose(['resin_supervisor'])).rejects.toMatchObject({
      message: 'No container is running on tcp://fake:2375.',
      hint: expect.stringContaining('--host') as string,
    });
  });
});

describe('a container by name', () => {
  it('that is the beginning of several ids is an error with their names', async () => {
    const engine = await engineWith(['web', 'api']);
    engine.inspectContainer = () =>
      Promise.reject(new EngineError(400, 'Multiple IDs found with provided prefix: fa'));
    const all = await engine.listContainers({ all: true }, signal);
    engine.listContainers = () => Promise.resolve(all.map((one) => ({ ...one, id: `fa${one.id}` })));
    await expect(namedContainer('fa', { engine, signal })).rejects.toMatchObject({
      exitCode: 2,
      message: 'fa is the beginning of several ids on tcp://fake:2375.',
      hint: expect.stringMatching(/^Name one of: (web, api|api, web)\.$/) as string,
    });
  });

  it('that does not exist is an error with the nearest name', async () => {
    const engine = await engineWith(['web', 'api']);
    await expect(namedContainer('wbe', { engine, signal })).rejects.toMatchObject({
      exitCode: 1,
      hint: 'Did you mean web?\nRunning are: api, web.',
    });
  });

  it.each(['', '.', '..'])('that is %j is not asked for: it would lead to something else', async (ref) => {
    const engine = await engineWith(['web']);
    await expect(namedContainer(ref, { engine, signal })).rejects.toMatchObject({
      exitCode: 1,
      hint: 'Running are: web.',
    });
    expect(engine.calls.filter((call) => call.startsWith('inspectContainer'))).toEqual([]);
  });

  it('that was stopped is an error that says so', async () => {
    const engine = await engineWith(['web']);
    await engine.killContainer('web', 'SIGKILL');
    await expect(namedContainer('web', { engine, signal })).rejects.toMatchObject({
      message: 'web is not running (exited) on tcp://fake:2375.',
    });
  });
});

describe('the best shell', () => {
  /** A container in which exactly these programs can be started. */
  const shellWith = async (programs: readonly string[], env: readonly string[] = []) => {
    const engine = await engineWith(['web'], ({ argv, killed }) => {
      const [program = ''] = argv;
      if (program === 'main') return runUntilKilled(killed);
      if (program === '/sbin/nologin') return 1;
      return programs.includes(program) ? 0 : undefined;
    });
    return (await findShell(engine, { id: 'web', env }, signal)).found;
  };

  it.each([
    ['bash', ['sh', 'ash', 'bash'], []],
    ['ash', ['sh', 'ash'], []],
    ['sh', ['sh'], []],
    ['/bin/zsh', ['/bin/zsh', 'bash'], ['PATH=/bin', 'SHELL=/bin/zsh']],
    ['sh', ['sh'], ['SHELL=/bin/zsh']],
    ['sh', ['sh'], ['SHELL=/sbin/nologin']],
    [undefined, [], []],
  ] as const)('is %s where there are %j and the image says %j', async (found, programs, env) => {
    expect(await shellWith(programs, env)).toBe(found);
  });
});
