import type { Device } from '../discovery/device.js';
import { ExitCode, RdtError } from '../errors.js';
import type { EngineConnection } from '../push/push-project.js';
import { EngineHttp } from '../transport/docker/engine-http.js';
import { HttpEngine } from '../transport/docker/http-engine.js';
import { TcpDialer } from '../transport/docker/tcp-dialer.js';

export async function connectEngine(device: Device): Promise<EngineConnection> {
  if (device.engine === undefined) throw new RdtError('ssh comes later', { exitCode: ExitCode.unreachable });
  const http = new EngineHttp(
    new TcpDialer(device.engine.host, device.engine.port),
    device.engine.apiVersion,
  );
  const engine = new HttpEngine(http);
  return {
    engine,
    async builder() {
      const { EngineImageBuilder } = await import('../transport/docker/build-http.js');
      return new EngineImageBuilder(http);
    },
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}
