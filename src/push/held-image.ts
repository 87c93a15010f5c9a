import type { Image } from '../transport/engine.js';
import { EngineError, isMissing } from '../transport/engine-error.js';
import { isOurImage } from './labels.js';
import { imageNamed } from './container-named.js';
import type { HeldDeps } from './push-job.js';

/** The second name of the image that the app runs from, while another one is built. */
export const heldName = (app: string): string => `${app}:${HELD_TAG}`;
const HELD_TAG = 'rdt-previous';

/**
 * On the app's new image while what it has replaced is taken away: there the next push sees it, without a request for it. On one that has failed,
 * while it is taken away itself.
 */
const replacingName = (app: string): string => `${app}:${REPLACING_TAG}`;
const REPLACING_TAG = 'rdt-replacing';

/** Whether a name is one that an image has only for the time of a push. */
export const isPassingTag = (tag: string, app: string): boolean =>
  tag === heldName(app) || tag === replacingName(app);

/** That a push which was cut off has left something to be released. */
export const isHeld = (image: Image | undefined, app: string): boolean =>
  image?.tags.some((tag) => isPassingTag(tag, app)) === true;

/**
 * Keeps the image that the app runs from, until its own name has gone to a new one for good. containerd's image store (that of Docker 29)
 * forgets an image when a build gives its last name away, also one that a container runs from, and then there is none to go back to.
 * Somebody else's image is never held, and a name of ours that somebody else has given away stays theirs.
 */
export async function holdImage(
  deps: Pick<HeldDeps, 'engine' | 'emit' | 'signal' | 'lost'>,
  app: string,
  image: Image | undefined,
): Promise<void> {
  const { engine, signal, lost } = deps;
  if (image === undefined || !isOurImage(image, app)) return;
  const held = await engine.inspectImage(heldName(app), signal);
  if (held !== undefined && !isOurImage(held, app)) return;
  signal.throwIfAborted();
  // One that could not be released would lose its last name, by which it is found.
  if (held !== undefined && held.id !== image.id) await releaseImage(deps, app, lost);
  try {
    // Not to be interrupted: a request that we no longer wait for may still give the name.
    await engine.tagImage(image.id, app, HELD_TAG, lost);
  } catch (error) {
    // It was removed just now: nothing is left to be held.
    if (!isMissing(error)) throw error;
  }
}

/**
 * To be called before the app's image, or what it has replaced, is taken away, and followed by `releaseImage`. Nothing depends on it as long as no push
 * is cut off, so an engine that refuses it is no failure.
 */
export async function markReplacing(
  { engine, lost }: Pick<HeldDeps, 'engine' | 'lost'>,
  app: string,
): Promise<void> {
  try {
    const marked = await engine.inspectImage(replacingName(app), lost);
    if (marked !== undefined && !isOurImage(marked, app)) return;
    await engine.tagImage(imageNamed(app), app, REPLACING_TAG, lost);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
  }
}

/**
 * Takes the passing names away, and the image before with them when that was its last one. While a container is made from such an image it keeps
 * the name, until the next build. What a killed push has left is released by the next one. What the app runs is not touched, so a failure is a warning.
 */
export async function releaseImage(
  deps: Pick<HeldDeps, 'engine' | 'emit'>,
  app: string,
  signal: AbortSignal,
): Promise<void> {
  const isReleased = await takeName(deps, app, heldName(app), signal);
  if (isReleased) await takeName(deps, app, replacingName(app), signal);
}

/** False when the engine refused it. */
async function takeName(
  { engine, emit }: Pick<HeldDeps, 'engine' | 'emit'>,
  app: string,
  name: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const named = await engine.inspectImage(name, signal);
    if (named !== undefined && isOurImage(named, app)) await engine.removeImage(name, signal);
    return true;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    emit({ type: 'warning', message: `the image ${name} could not be removed: ${error.message}` });
    return false;
  }
}
