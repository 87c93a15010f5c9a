import type { Container, ContainerSummary, Image } from '../transport/engine.js';

/** Marks containers and images that rdt made; its value is the app's name. Nothing without it is ever stopped or removed. */
export const APP_LABEL = 'io.resin.rdt.app';

/**
 * Fingerprint of the settings that a container was created with: they cannot be changed afterwards. Only containers have one from us; on
 * images it is empty, so that those that people run from an image of ours have none, and an image has none of what it was built from.
 */
export const SPEC_LABEL = 'io.resin.rdt.spec';

export const labelsOf = (app: string): Readonly<Record<string, string>> => ({ [APP_LABEL]: app });

export const imageLabelsOf = (app: string): Readonly<Record<string, string>> => ({
  ...labelsOf(app),
  [SPEC_LABEL]: '',
});

const hasSpec = ({ labels }: Pick<Image, 'labels'>): boolean => (labels[SPEC_LABEL] ?? '') !== '';

export const isOurImage = (image: Image, app: string): boolean =>
  image.labels[APP_LABEL] === app && !isSnapshot(image);

/** `docker commit` gives an image the labels of its container: one of a container of ours is somebody's, and so is what runs from it. */
export const isSnapshot = (image: Image): boolean => hasSpec(image);

export const isOurContainer = (container: Container | ContainerSummary, app: string): boolean =>
  container.labels[APP_LABEL] === app && hasSpec(container);

/** A new container waits under this name until it takes the app's own. */
export const nextName = (app: string): string => `${app}.rdt-next`;
/** The old container keeps this name until the new one has proved itself. */
export const previousName = (app: string): string => `${app}.rdt-previous`;
/** Of an old container, until the new one has proved itself. One that has another name by now is somebody's who wants to keep it. */
export const isNameOfOld = (name: string, app: string): boolean => name === app || name === previousName(app);
/** The old container from the moment on when the new one has proved itself: it only waits for its removal. */
export const discardedName = (app: string, id: string): string => `${discardedPrefix(app)}${id.slice(0, 12)}`;
export const isDiscarded = (name: string, app: string): boolean => name.startsWith(discardedPrefix(app));

const discardedPrefix = (app: string): string => `${app}.rdt-old-`;

/** Whether a container has one of these names only for the moment of a push. */
export const isPassingName = (name: string): boolean => /\.rdt-(next|previous|old-[0-9a-f]+)$/.test(name);
