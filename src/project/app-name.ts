import { createHash } from 'node:crypto';
import { accepted, type Parsed, quoted, refused } from './parsed.js';

/** Image name and container name are the app name, so it keeps to what both may contain (device-facts). */
const APP_NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/;
/** Engines name no container with a single character. Volumes and files of ours have longer names than the app, and 255 bytes. */
const LENGTHS = { least: 2, most: 128 };
/** A DNS label: the app name may be used as the container's host name. Only names that we invent are cut to it. */
const INVENTED_NAME_LENGTH = 63;

export function parseAppName(text: string): Parsed<string> {
  if (APP_NAME.test(text)) return ofRightLength(text);
  return refused(`must be lower-case letters, digits and single dashes between them, not ${quoted(text)}`);
}

function ofRightLength(name: string): Parsed<string> {
  const { least, most } = LENGTHS;
  if (name.length >= least && name.length <= most) return accepted(name);
  return refused(`must have ${least} to ${most} characters, not ${name.length}`);
}

/** The app name for a folder's name: always valid, `app-` and a hash when nothing of the name can be used. */
export function slugifyAppName(folderName: string): string {
  const normal = folderName.normalize('NFKD');
  const words = normal
    .replace(/\p{Mark}/gu, '')
    .toLowerCase()
    .match(/[a-z0-9]+/g);
  const slug = (words ?? []).join('-').slice(0, INVENTED_NAME_LENGTH).replace(/-$/, '');
  if (slug === '') return `app-${createHash('sha256').update(normal).digest('hex').slice(0, 8)}`;
  return slug.length < LENGTHS.least ? `app-${slug}` : slug;
}
