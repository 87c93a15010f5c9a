import type { Device } from '../discovery/device.js';
import type { SshAttempt } from '../transport/ssh-attempt.js';
import type { Forward } from './forward-spec.js';

/** What happens on the way to a session, and while ports are forwarded. */
export type ShellEvent =
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'device'; readonly device: Device }
  | { readonly type: 'ssh'; readonly attempt: SshAttempt }
  | { readonly type: 'engine'; readonly where: string }
  | { readonly type: 'container'; readonly name: string; readonly id: string }
  /** `found` is undefined when the container has none of those that were tried. */
  | { readonly type: 'shell'; readonly tried: readonly string[]; readonly found: string | undefined }
  /** `local` is `address:port` as it is now; `to` names the other end. */
  | { readonly type: 'forwarding'; readonly local: string; readonly to: string }
  | { readonly type: 'forward-failed'; readonly forward: Forward; readonly error: unknown };

export type EmitShellEvent = (event: ShellEvent) => void;
