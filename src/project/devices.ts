import { accepted, hasControlCharacter, type Parsed, quoted, refused } from './parsed.js';

export interface DeviceMapping {
  readonly hostPath: string;
  readonly containerPath: string;
  /** cgroup permissions: of `r`, `w`, `m` (mknod). */
  readonly permissions: string;
}

const PERMISSIONS = /^(?!.*(.).*\1)[rwm]{1,3}$/;

/** `/dev/x[:/dev/y][:rwm]`, as in `docker run --device`. */
export function parseDevice(text: string): Parsed<DeviceMapping> {
  const [hostPath = '', ...rest] = text.split(':');
  if (!isAbsolute(hostPath) || rest.length > 2)
    return refused(`must be /dev/x[:/dev/y][:rwm], not ${quoted(text)}`);
  const last = rest.at(-1);
  const permissions = last !== undefined && PERMISSIONS.test(last) ? last : undefined;
  const paths = permissions === undefined ? rest : rest.slice(0, -1);
  const containerPath = paths[0] ?? hostPath;
  if (paths.length > 1 || !isAbsolute(containerPath))
    return refused(`must be /dev/x[:/dev/y][:rwm], not ${quoted(text)}`);
  return accepted({ hostPath, containerPath, permissions: permissions ?? 'rwm' });
}

const isAbsolute = (path: string): boolean => /^\/./.test(path) && !hasControlCharacter(path);
