import type { Device } from '../../discovery/device.js';
import { RdtError } from '../../errors.js';
import { errorCode } from '../../system-error.js';
import { sshHostOf } from '../open-engine.js';
import { connectTcp } from './connect-tcp.js';

/**
 * Whether the device is there at all: its kernel answers a new connection to the engine, or to ssh, within `timeoutMs`, however busy the
 * engine is. @throws the signal's reason.
 */
export async function takesConnection(
  device: Device,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { host, port } = device.engine ?? sshAddress(device);
  try {
    (await connectTcp({ host, port, description: device.name, timeoutMs }, signal)).destroy();
    return true;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof RdtError)) throw error;
    return errorCode(error.cause) === 'ECONNREFUSED';
  }
}

function sshAddress(device: Device): { readonly host: string; readonly port: number } {
  const { address, port } = sshHostOf(device);
  return { host: address, port };
}
