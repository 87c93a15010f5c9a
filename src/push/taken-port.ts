import { RdtError } from '../errors.js';
import type { Engine } from '../transport/engine.js';
import type { EngineError } from '../transport/engine-error.js';

/**
 * `Bind for 0.0.0.0:8080 failed: port is already allocated` says an engine that gave the port away itself; when a program of the device has
 * it, `listen tcp4 0.0.0.0:8080: bind: address already in use`, or, since Docker 28.3, `failed to bind host port 0.0.0.0:8080/tcp: address already in use`.
 */
const TAKEN =
  /:(\d+)(?:\/(?:tcp|udp|sctp))?(?::? bind)?(?: failed)?: (?:port is already allocated|address already in use)/;

/** Who has the port that a container was to publish; undefined when the engine refused it for something else. */
export async function takenPortHint(
  engine: Engine,
  { message }: EngineError,
  signal: AbortSignal,
): Promise<string | undefined> {
  const [, digits] = TAKEN.exec(message) ?? [];
  if (digits === undefined) return undefined;
  const other = '`ports` in the project file may give this app another one.';
  const holder = await holderOf(engine, Number(digits), signal);
  return holder === undefined
    ? `No container publishes port ${digits}: a program of the device has it, or an app in its network; ${other}`
    : `The container ${holder} has port ${digits} of the device; ${other}`;
}

/** Undefined as well where nobody answers that. */
async function holderOf(engine: Engine, port: number, signal: AbortSignal): Promise<string | undefined> {
  try {
    const running = await engine.listContainers({ all: false }, signal);
    return running.find(({ publishedPorts }) => publishedPorts.includes(port))?.name;
  } catch (error) {
    if (!(error instanceof RdtError)) throw error;
    return undefined;
  }
}
