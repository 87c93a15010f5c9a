import { EngineError } from '../transport/engine-error.js';
import { isPassingTag } from './held-image.js';
import { isOurImage } from './labels.js';
import type { HeldDeps } from './push-job.js';

/**
 * Takes an image away that a push of ours made for the app and that has lost its name to a newer one. One with another tag stays: somebody
 * gave it that. To be named by id, never found by our label: images that people made from ours carry it as well. What the app runs is not
 * touched, so a failure is a warning.
 */
export async function removeSuperseded(
  { engine, emit }: Pick<HeldDeps, 'engine' | 'emit'>,
  app: string,
  imageId: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    const image = await engine.inspectImage(imageId, signal);
    if (image === undefined || !isOurImage(image, app)) return;
    if (image.tags.some((tag) => !isPassingTag(tag, app))) return;
    await engine.removeImage(imageId, signal);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    emit({ type: 'warning', message: `an old image of ${app} could not be removed: ${error.message}` });
  }
}
