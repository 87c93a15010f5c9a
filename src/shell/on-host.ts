import type { ExecSession } from '../transport/engine.js';
import type { SshSession } from '../transport/ssh-session.js';
import type { ShellDeps } from './shell-deps.js';
import type { SessionPlace } from './session-place.js';
import type { SessionAction } from './shell-request.js';
import { asExecSession } from './ssh-exec-session.js';

/** What the server does by itself for a shell with a terminal. Holds no values. */
const LOGIN_SHELL = 'exec "${SHELL:-/bin/sh}" -l';

type HostDeps = Pick<ShellDeps, 'terminal' | 'locale' | 'shellCommand'>;

/** The device itself; ssh has keepalives of its own. */
export function onHost(action: SessionAction, ssh: SshSession, deps: HostDeps): SessionPlace {
  return {
    where: ssh.description,
    start: (signal) => start(action, ssh, deps, signal),
    ask: undefined,
  };
}

async function start(
  action: SessionAction,
  ssh: SshSession,
  { terminal, locale: env, shellCommand }: HostDeps,
  signal: AbortSignal,
): Promise<ExecSession> {
  const pty = action.terminal ? { type: terminal.type, ...terminal.size() } : undefined;
  if (action.kind === 'shell' && pty !== undefined) return asExecSession(await ssh.shell(pty, signal));
  const command = action.kind === 'command' ? shellCommand(action.argv) : LOGIN_SHELL;
  return asExecSession(await ssh.exec(command, { env, ...(pty !== undefined && { terminal: pty }) }, signal));
}
