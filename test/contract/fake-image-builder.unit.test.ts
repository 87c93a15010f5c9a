import { FakeImageBuilder } from './fake-image-builder.js';
import { imageBuilderContract } from './image-builder-contract.js';

imageBuilderContract('the fake', 'classic', () => {
  const builder = new FakeImageBuilder();
  return Promise.resolve({
    builder,
    imageId: (tag) => Promise.resolve(builder.images.get(tag)?.id),
    containers: () => Promise.resolve(0),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});
