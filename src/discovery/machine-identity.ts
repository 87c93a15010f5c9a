import type { EngineInfo } from '../transport/engine.js';
import type { Device, TcpEngine } from './device.js';
import type { KnockFailure } from './knocker.js';

export type EngineInfoAnswer =
  | { readonly type: 'info'; readonly info: EngineInfo }
  | { readonly type: 'failed'; readonly failure: KnockFailure };

/** `GET /info` of an engine. Contract as of `Knocker`: never rejects, settles at once when the signal is aborted, reads a bounded number of bytes. */
export interface EngineInfoReader {
  read(engine: TcpEngine, signal: AbortSignal): Promise<EngineInfoAnswer>;
}

/** The public host key of an ssh server; undefined when it shows none before the signal is aborted. Never rejects, never authenticates. */
export interface HostKeyReader {
  read(address: string, port: number, signal: AbortSignal): Promise<Buffer | undefined>;
}

/** Whether two devices of one name are one machine with two addresses (cable and wifi). When in doubt they are two. */
export type MachineComparer = (a: Device, b: Device, signal: AbortSignal) => Promise<boolean>;

/** Compares what a machine has only once: the id of its engine's data root, or its ssh host key. */
export const compareMachines =
  (engines: EngineInfoReader, hostKeys: HostKeyReader): MachineComparer =>
  async (a, b, signal) => {
    if (a.engine !== undefined && b.engine !== undefined) {
      const [idOfA, idOfB] = await Promise.all([
        engineId(engines, a.engine, signal),
        engineId(engines, b.engine, signal),
      ]);
      if (idOfA !== undefined && idOfB !== undefined) return idOfA === idOfB;
    }
    const [keyOfA, keyOfB] = await Promise.all([hostKey(hostKeys, a, signal), hostKey(hostKeys, b, signal)]);
    return keyOfA !== undefined && keyOfB !== undefined && keyOfA.equals(keyOfB);
  };

async function engineId(
  engines: EngineInfoReader,
  engine: TcpEngine,
  signal: AbortSignal,
): Promise<string | undefined> {
  const answer = await engines.read(engine, signal);
  return answer.type === 'info' && answer.info.id !== '' ? answer.info.id : undefined;
}

const hostKey = (keys: HostKeyReader, device: Device, signal: AbortSignal): Promise<Buffer | undefined> =>
  device.sshPort === undefined
    ? Promise.resolve(undefined)
    : keys.read(device.address, device.sshPort, signal);
