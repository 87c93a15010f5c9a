import { expect, it } from 'vitest';
import { chooseApps, type WantedApps } from '../../../src/logs/choose-apps.js';
import { FakeEngine } from '../../contract/fake-engine.js';

const IMAGE = 'app:latest';

/** Names with a `+` run. */
async function chosen(
  names: readonly string[],
  wanted: WantedApps,
  projectApp?: string,
): Promise<readonly string[]> {
  await using engine = new FakeEngine();
  engine.addImage(IMAGE);
  for (const name of names) {
    const own = name.replace('+', '');
    await engine.createContainer(own, { Image: IMAGE, Labels: {}, HostConfig: {} });
    if (name !== own) await engine.startContainer(own);
  }
  const deps = { engine, projectApp: () => Promise.resolve(projectApp), chooser: undefined };
  const apps = await chooseApps(wanted, { ...deps, signal: new AbortController().signal });
  return apps.map(({ name }) => name);
}

const OPEN = { kind: 'open' } as const;

it('takes the app of the project, also when it has stopped', async () => {
  expect(await chosen(['web', '+db'], OPEN, 'web')).toEqual(['web']);
});

it('takes the only one that runs, not counting the supervisor', async () => {
  expect(await chosen(['+resin_supervisor', '+balena_supervisor', '+web', 'db'], OPEN)).toEqual(['web']);
});

it('lists them when several run and nobody can be asked', async () => {
  await expect(chosen(['+web', '+db', 'old'], OPEN)).rejects.toMatchObject({
    exitCode: 2,
    hint: expect.stringMatching(/^[^]*\ndb .*\nweb [^\n]*$/) as string,
  });
});

it('takes all but the supervisor and what a push is about to replace', async () => {
  expect(await chosen(['+resin_supervisor', '+web', 'db', '+web.rdt-next'], { kind: 'all' })).toEqual([
    'db',
    'web',
  ]);
});

it('says which name was near', async () => {
  await expect(chosen(['+web', 'db'], { kind: 'named', names: ['db', 'wep'] })).rejects.toMatchObject({
    exitCode: 1,
    hint: 'Did you mean web?\nThere are: db, web.',
  });
});

it('asks for more of an id that several have', async () => {
  await using engine = new FakeEngine();
  engine.addImage(IMAGE);
  for (const name of ['web', 'db'])
    await engine.createContainer(name, { Image: IMAGE, Labels: {}, HostConfig: {} });
  const all = await engine.listContainers({ all: true });
  engine.listContainers = () => Promise.resolve(all.map((one) => ({ ...one, id: `cafe${one.id}` })));
  const deps = { engine, projectApp: () => Promise.resolve(undefined), chooser: undefined };
  const wanted: WantedApps = { kind: 'named', names: ['cafe'] };
  await expect(chooseApps(wanted, { ...deps, signal: new AbortController().signal })).rejects.toMatchObject({
    exitCode: 2,
    hint: 'Name one of: db, web.',
  });
});
