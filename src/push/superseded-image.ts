import type { Engine } from '../transport/engine.js';
import { heldName } from './held-image.js';
import { isOurImage } from './labels.js';

/**
 * Takes an image away that a push of ours made for the app and that has lost its name to a newer one. One with another tag stays: somebody
 * gave it that. To be named by id, never found by our label: images that people made from ours carry it as well.
 */
export async function removeSuperseded(
  engine: Engine,
  app: string,
  imageId: string,
  signal: AbortSignal,
): Promise<void> {
  const image = await engine.inspectImage(imageId, signal);
  if (image === undefined || !isOurImage(image, app)) return;
  if (image.tags.some((tag) => tag !== heldName(app))) return;
  await engine.removeImage(imageId, signal);
}
