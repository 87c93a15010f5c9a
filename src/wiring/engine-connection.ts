import type { Device } from '../discovery/device.js';
import type { EngineConnection } from '../push/push-project.js';
import type { Runtime } from '../runtime.js';
import { openDeviceEngine, type TransportOptions } from './transport.js';

/** See `openDeviceEngine`; the builder uses the same connections. */
export async function connectEngine(
  device: Device,
  runtime: Runtime,
  options: TransportOptions,
): Promise<EngineConnection> {
  const engine = await openDeviceEngine(device, runtime, options);
  return {
    engine,
    async builder() {
      const { EngineImageBuilder } = await import('../transport/docker/build-http.js');
      return new EngineImageBuilder(engine.http);
    },
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}
