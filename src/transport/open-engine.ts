import type { Device, TcpEngine } from '../discovery/device.js';
import { ExitCode, RdtError } from '../errors.js';
import type { Engine } from './engine.js';
import type { SshHost } from './known-hosts.js';

/** How to make either kind; given by src/wiring/transport.ts, which loads them only then. */
export interface EngineFactories<E extends Engine> {
  overTcp(engine: TcpEngine): Promise<E>;
  /** Rejects as `openSsh` does. */
  overSsh(host: SshHost, signal?: AbortSignal): Promise<E>;
}

/** The engine of a device: over TCP where it answers there, else through ssh. The caller disposes of it. Throws an `RdtError` (exit code 4) when there is neither. */
export const openEngine = async <E extends Engine>(
  device: Device,
  factories: EngineFactories<E>,
  signal?: AbortSignal,
): Promise<E> => {
  if (device.engine !== undefined) return factories.overTcp(device.engine);
  return factories.overSsh(sshHostOf(device), signal);
};

/** Where to reach a device by ssh. Throws an `RdtError` (exit code 4) when nothing there speaks ssh. */
export const sshHostOf = ({ name, address, sshPort }: Device): SshHost => {
  if (sshPort !== undefined) return { name, address, port: sshPort };
  throw new RdtError(`Neither an engine nor ssh answers at ${address} (${name}).`, {
    exitCode: ExitCode.unreachable,
    hint: 'Is the device still booting? `rdt scan` shows what answers.',
  });
};
