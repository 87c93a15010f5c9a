import { printable } from '../discovery/printable.js';
import type { Device } from '../discovery/device.js';
import type { Runtime } from '../runtime.js';
import type { EmitShellEvent, ShellEvent } from '../shell/shell-event.js';
import type { SshAttempt } from '../transport/ssh-attempt.js';

/** Shows on stderr what the user has to know, and with `verbose` all that is tried. */
export function createShellView({ stderr }: Pick<Runtime, 'stderr'>, verbose: boolean): EmitShellEvent {
  return (event) => {
    if (verbose || NEWS.includes(event.type)) stderr.write(`${printable(lineOf(event))}\n`);
  };
}

/** What everybody has to know. */
const NEWS: readonly ShellEvent['type'][] = ['warning', 'forwarding', 'forward-failed'];

function lineOf(event: ShellEvent): string {
  switch (event.type) {
    case 'warning':
      return `warning: ${event.message}`;
    case 'device':
      return deviceLine(event.device);
    case 'ssh':
      return sshLine(event.attempt);
    case 'engine':
      return `engine: ${event.where}`;
    case 'container':
      return `container: ${event.name} (${event.id.slice(0, 12)})`;
    case 'shell':
      return `shell: ${event.found ?? 'none'} (tried ${event.tried.join(', ')})`;
    case 'forwarding':
      return `Forwarding ${event.local} to ${event.to}. Ctrl-C ends it.`;
    case 'forward-failed':
      return `A connection to port ${event.forward.remotePort} failed: ${messageOf(event.error)}`;
  }
}

function deviceLine({ name, address, addresses, kind, engine, engineTrouble, sshPort }: Device): string {
  const ways = [
    engine === undefined
      ? `no engine over TCP${engineTrouble === undefined ? '' : ` (${engineTrouble})`}`
      : `engine at port ${engine.port}`,
    sshPort === undefined ? 'no ssh' : `ssh at port ${sshPort}`,
  ];
  const others = addresses.filter((other) => other !== address);
  const also = others.length === 0 ? '' : `, also known at ${others.join(', ')}`;
  return `device: ${name} at ${address}${also}; ${kind}, ${ways.join(', ')}`;
}

function sshLine(attempt: SshAttempt): string {
  switch (attempt.type) {
    case 'connecting':
      return `ssh: connecting to ${attempt.where}`;
    case 'host-key':
      return `ssh: host key ${attempt.keyType} ${attempt.fingerprint}`;
    case 'offering':
      return `ssh: offering ${attempt.credential}`;
    case 'logged-in':
      return `ssh: logged in to ${attempt.where}`;
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
