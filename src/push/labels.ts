import type { Container, ContainerSummary, Image } from '../transport/engine.js';

/** Marks containers and images that rdt made; its value is the app's name. Nothing without it is ever stopped or removed. */
export const APP_LABEL = 'io.resin.rdt.app';

/**
 * Fingerprint of the settings that a container was created with: they cannot be changed afterwards. Only containers have it from us: those
 * that people run from an image of ours have the image's labels, and not this one.
 */
export const SPEC_LABEL = 'io.resin.rdt.spec';

export const labelsOf = (app: string): Readonly<Record<string, string>> => ({ [APP_LABEL]: app });

export const isOurImage = (image: Image, app: string): boolean =>
  image.labels[APP_LABEL] === app && !isSnapshot(image);

/** `docker commit` gives an image the labels of its container: one of a container of ours is somebody's, and so is what runs from it. */
export const isSnapshot = ({ labels }: Image): boolean => labels[SPEC_LABEL] !== undefined;

export const isOurContainer = ({ labels }: Container | ContainerSummary, app: string): boolean =>
  labels[APP_LABEL] === app && labels[SPEC_LABEL] !== undefined;

/** A new container waits under this name until it takes the app's own. */
export const nextName = (app: string): string => `${app}.rdt-next`;
/** The old container keeps this name until the new one has proved itself. */
export const previousName = (app: string): string => `${app}.rdt-previous`;
/** The old container from the moment on when the new one has proved itself: it only waits for its removal. */
export const discardedName = (app: string, id: string): string => `${discardedPrefix(app)}${id.slice(0, 12)}`;
export const isDiscarded = (name: string, app: string): boolean => name.startsWith(discardedPrefix(app));

const discardedPrefix = (app: string): string => `${app}.rdt-old-`;

/** Whether a container has one of these names only for the moment of a push. */
export const isPassingName = (name: string): boolean => /\.rdt-(next|previous|old-[0-9a-f]+)$/.test(name);
