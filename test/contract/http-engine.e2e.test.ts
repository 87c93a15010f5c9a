import { EngineHttp } from '../../src/transport/docker/engine-http.js';
import { HttpEngine } from '../../src/transport/docker/http-engine.js';
import { TcpDialer } from '../../src/transport/docker/tcp-dialer.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { engineContract } from './engine-contract.js';

engineContract('HttpEngine over TCP', async () => {
  const device = await VirtualDevice.up({ name: 'contract-tcp', announce: false, images: ['busybox'] });
  const engine = new HttpEngine(new EngineHttp(new TcpDialer(device.address, 2375)));
  return {
    engine,
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      await device[Symbol.asyncDispose]();
    },
  };
});
