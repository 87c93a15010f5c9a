import type { Engine, Image } from '../transport/engine.js';
import { isOurs } from './labels.js';

/** The second name of the image that the app runs from, while another one is built. */
export const heldName = (app: string): string => `${app}:${HELD_TAG}`;
const HELD_TAG = 'rdt-previous';

/**
 * Keeps the image that the app runs from, until its own name has gone to a new one for good. containerd's image store (that of Docker 29)
 * forgets an image with its last name, also one that a container runs from, and then there is none to go back to.
 */
export async function holdImage(
  engine: Engine,
  app: string,
  image: Image | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (image !== undefined && isOurs(image, app)) await engine.tagImage(image.id, app, HELD_TAG, signal);
}

/** Takes the second name away; the image goes with it when that was its last one and no container is made from it. */
export async function releaseImage(engine: Engine, app: string, signal: AbortSignal): Promise<void> {
  await engine.removeImage(heldName(app), signal);
}
