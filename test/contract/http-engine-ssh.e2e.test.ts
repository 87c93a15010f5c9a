import { EngineHttp } from '../../src/transport/docker/engine-http.js';
import { HttpEngine } from '../../src/transport/docker/http-engine.js';
import { openSsh } from '../../src/transport/ssh/open-ssh.js';
import { SshEngineDialer } from '../../src/transport/ssh/ssh-engine-dialer.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { engineContract } from './engine-contract.js';
import { MemoryKnownHosts } from './memory-known-hosts.js';

engineContract('HttpEngine over ssh', async () => {
  const device = await VirtualDevice.up({
    name: 'contract-ssh',
    announce: false,
    production: true,
    engineSocket: '/var/run/balena-engine.sock',
    images: ['busybox'],
  });
  const connection = await openSsh(
    { name: device.name, address: device.address, port: device.sshPort },
    {
      user: 'root',
      keys: {
        identity: [device.testerKeyFile],
        home: undefined,
        agentSocket: undefined,
        askPassphrase: undefined,
      },
      knownHosts: new MemoryKnownHosts(),
      onHostKey: () => undefined,
    },
  );
  const engine = new HttpEngine(new EngineHttp(new SshEngineDialer(connection)));
  return {
    engine,
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      await device[Symbol.asyncDispose]();
    },
  };
});
