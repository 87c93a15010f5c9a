import { expect, it } from 'vitest';
import { holdImage, releaseImage } from '../../../src/push/held-image.js';
import { labelsOf } from '../../../src/push/labels.js';
import { FakeEngine } from '../../contract/fake-engine.js';

const signal = new AbortController().signal;

/** An engine that has `app:latest` with these labels, and `next:latest`, which will get its name. */
async function withImages(labels: Readonly<Record<string, string>>) {
  const engine = new FakeEngine();
  engine.forgetsNameless = true;
  engine.addImage('app:latest', { labels });
  engine.addImage('next:latest');
  const old = await engine.inspectImage('app:latest');
  if (old === undefined) throw new Error('the image was just added');
  return { engine, old };
}

it('is there when its name has gone to another one, and can have it back', async () => {
  const { engine, old } = await withImages(labelsOf('app'));
  await holdImage(engine, 'app', old, signal);
  await engine.tagImage('next:latest', 'app', 'latest');
  await engine.tagImage(old.id, 'app', 'latest');
  await releaseImage(engine, 'app', signal);
  expect(await engine.inspectImage(old.id)).toMatchObject({ tags: ['app:latest'] });
});

it('goes when it is let go and nothing needs it', async () => {
  const { engine, old } = await withImages(labelsOf('app'));
  await holdImage(engine, 'app', old, signal);
  await engine.tagImage('next:latest', 'app', 'latest');
  await releaseImage(engine, 'app', signal);
  expect(await engine.inspectImage(old.id)).toBeUndefined();
});

it('stays while a container is made from it', async () => {
  const { engine, old } = await withImages(labelsOf('app'));
  await engine.createContainer('app', { Image: old.id, Labels: {}, HostConfig: {} });
  await holdImage(engine, 'app', old, signal);
  await engine.tagImage('next:latest', 'app', 'latest');
  await releaseImage(engine, 'app', signal);
  expect(await engine.inspectImage(old.id)).toBeDefined();
});

it('is not held when somebody else made it, so that letting go cannot remove it', async () => {
  const { engine, old } = await withImages({});
  await holdImage(engine, 'app', old, signal);
  expect(await engine.inspectImage('app:rdt-previous')).toBeUndefined();
});
