/** The newest engine API that rdt was written for. Engine 29 refuses anything older than this one; 1.10 knows 1.22. */
const NEWEST_KNOWN_API = '1.44';

const parts = (version: string): readonly [number, number] | undefined => {
  const match = /^(\d{1,4})\.(\d{1,4})$/.exec(version);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
};

/** Whether `version` (`1.41`) is older than `other`; false when either is no version. */
export const isOlderApi = (version: string, other: string): boolean => {
  const [a, b] = [parts(version), parts(other)];
  if (a === undefined || b === undefined) return false;
  return a[0] === b[0] ? a[1] < b[1] : a[0] < b[0];
};

/** The version both sides know; undefined (use paths without a version) when the engine's is not known: those before 17.06 do not tell. */
export const commonApi = (engines: string | undefined): string | undefined => {
  if (engines === undefined || parts(engines) === undefined) return undefined;
  return isOlderApi(engines, NEWEST_KNOWN_API) ? engines : NEWEST_KNOWN_API;
};
