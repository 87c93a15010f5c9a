import type { Image } from '../transport/engine.js';
import { EngineError, isMissing } from '../transport/engine-error.js';
import { isOurImage } from './labels.js';
import type { HeldDeps } from './push-job.js';

/** The second name of the image that the app runs from, while another one is built. */
export const heldName = (app: string): string => `${app}:${HELD_TAG}`;
const HELD_TAG = 'rdt-previous';

export const isHeld = (image: Image | undefined, app: string): boolean =>
  image?.tags.includes(heldName(app)) === true;

/**
 * Keeps the image that the app runs from, until its own name has gone to a new one for good. containerd's image store (that of Docker 29)
 * forgets an image when a build gives its last name away, also one that a container runs from, and then there is none to go back to.
 * Somebody else's image is never held, and a name of ours that somebody else has given away stays theirs.
 */
export async function holdImage(
  { engine, signal, lost }: Pick<HeldDeps, 'engine' | 'signal' | 'lost'>,
  app: string,
  image: Image | undefined,
): Promise<void> {
  if (image === undefined || !isOurImage(image, app)) return;
  const held = await engine.inspectImage(heldName(app), signal);
  if (held !== undefined && !isOurImage(held, app)) return;
  signal.throwIfAborted();
  try {
    // Not to be interrupted: a request that we no longer wait for may still give the name.
    await engine.tagImage(image.id, app, HELD_TAG, lost);
  } catch (error) {
    // It was removed just now: nothing is left to be held.
    if (!isMissing(error)) throw error;
  }
}

/**
 * Takes the second name away, and the image with it when that was its last one. While a container is made from such an image it keeps
 * the name, until the next build. What a killed push has left is released by the next one. What the app runs is not touched, so a failure is a warning.
 */
export async function releaseImage(
  { engine, emit }: Pick<HeldDeps, 'engine' | 'emit'>,
  app: string,
  signal: AbortSignal,
): Promise<void> {
  const name = heldName(app);
  try {
    const held = await engine.inspectImage(name, signal);
    if (held !== undefined && isOurImage(held, app)) await engine.removeImage(name, signal);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    emit({ type: 'warning', message: `the image ${name} could not be removed: ${error.message}` });
  }
}
