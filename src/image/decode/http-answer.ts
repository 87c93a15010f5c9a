import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { printable } from '../../discovery/printable.js';
import { RdtError } from '../../errors.js';

/** The connection broke, or the server is busy: another attempt may do. */
export class Dropped extends Error {}

/** An address in a text, relative to `base`. Throws an `RdtError` when it is none, or its user name and password cannot be read. */
export function parseAddress(text: string, base?: URL): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base) : undefined;
  if (url !== undefined && isEncodedWell(url.username) && isEncodedWell(url.password)) return url;
  const where = base === undefined ? '' : `, which ${base.href} redirects to,`;
  throw new RdtError(`${printable(text)}${where} is not a valid address`);
}

/** As Node decodes what stands before the host. */
export function isEncodedWell(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** Where an answer leads to. Throws an `RdtError` when that is less safe than where it comes from. */
export function redirected(from: URL, location: string): URL {
  const target = parseAddress(location, from);
  const isKnown = target.protocol === 'https:' || target.protocol === 'http:';
  if (isKnown && (from.protocol === 'http:' || target.protocol === 'https:')) return target;
  throw new RdtError(`${from.href} is redirected to ${target.href}, which is not a safe place to load from`);
}

/** Undefined at a proper end. Throws `Dropped` when the connection broke. */
export function nextChunk(response: IncomingMessage): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      const chunk = response.read() as Buffer | null;
      if (chunk === null && !response.readableEnded && !response.destroyed) return;
      response.off('readable', settle).off('end', settle).off('close', settle).off('error', fail);
      if (chunk !== null) resolve(chunk);
      else if (response.complete) resolve(undefined);
      else reject(new Dropped('the connection was closed too early'));
    };
    const fail = (cause: Error): void => {
      response.off('readable', settle).off('end', settle).off('close', settle).off('error', fail);
      reject(new Dropped(cause.message, { cause }));
    };
    response.on('readable', settle).on('end', settle).on('close', settle).on('error', fail);
    settle();
  });
}

/** A number in a header; undefined for what is none. */
export const lengthOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;

/** What tells one version of a resource from the next; a weak tag does not promise the same bytes. */
export function validatorOf(headers: IncomingHttpHeaders): string | undefined {
  const tag = headers.etag;
  return tag !== undefined && !tag.startsWith('W/') ? tag : headers['last-modified'];
}
