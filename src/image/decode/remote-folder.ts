import { RdtError } from '../../errors.js';
import type { ImageFolder, TextBeside } from './image-checks.js';
import { openUrlInput, type DownloadPolicy } from './url-input.js';

/** What is optional must not keep anybody waiting. */
const PATIENCE_MS = 5000;
/** A bmap with a range for each of a million blocks is smaller. */
const MAX_BYTES = 64 * 1024 * 1024;
/** Servers of web applications answer so whatever they are asked for. */
const WEB_PAGE = /^\s*<(!doctype html|html)/i;

/** Files beside an image on a server. One that cannot be had quickly is as good as none: most images have none. */
export function remoteFolder(address: string, policy: DownloadPolicy, signal: AbortSignal): ImageFolder {
  const url = new URL(address);
  return {
    imageName: url.pathname,
    async read(name) {
      const place = new URL(url);
      place.pathname = name;
      const text = await fetchText(place.href, { ...policy, retryDelaysMs: [] }, signal);
      return text === undefined || WEB_PAGE.test(text)
        ? undefined
        : ({ place: place.href, text } satisfies TextBeside);
    },
  };
}

async function fetchText(
  address: string,
  policy: DownloadPolicy,
  signal: AbortSignal,
): Promise<string | undefined> {
  const patience = new AbortController();
  const limit = AbortSignal.any([signal, patience.signal]);
  const waiting = policy.sleep(PATIENCE_MS, limit).then(
    () => patience.abort(),
    () => undefined,
  );
  try {
    return await download(address, policy, limit);
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted || error instanceof RdtError) return undefined;
    throw error;
  } finally {
    patience.abort();
    await waiting;
  }
}

async function download(
  address: string,
  policy: DownloadPolicy,
  signal: AbortSignal,
): Promise<string | undefined> {
  const input = await openUrlInput(address, policy, signal);
  try {
    const parts: Buffer[] = [];
    let sizeBytes = 0;
    for await (const chunk of input.chunks()) {
      parts.push(chunk);
      sizeBytes += chunk.length;
      if (sizeBytes > MAX_BYTES) return undefined;
    }
    return Buffer.concat(parts).toString('utf8');
  } finally {
    await input.close();
  }
}
