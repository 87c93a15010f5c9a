import { EngineImageBuilder } from '../../src/transport/docker/build-http.js';
import { EngineHttp } from '../../src/transport/docker/engine-http.js';
import { TcpDialer } from '../../src/transport/docker/tcp-dialer.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { type BuilderSubject, imageBuilderContract } from './image-builder-contract.js';

const onDevice = (name: string) => async (): Promise<BuilderSubject> => {
  const device = await VirtualDevice.up({ name, announce: false, images: ['busybox'] });
  const http = new EngineHttp(new TcpDialer(device.address, device.enginePort));
  return {
    builder: new EngineImageBuilder(http),
    async imageId(tag) {
      const { exitCode, stdout } = await device.docker('image', 'inspect', '--format', '{{.Id}}', tag);
      return exitCode === 0 ? stdout.trim() : undefined;
    },
    async containers() {
      const { stdout } = await device.docker('ps', '--all', '--quiet');
      return stdout.split('\n').filter((line) => line !== '').length;
    },
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]();
      await device[Symbol.asyncDispose]();
    },
  };
};

imageBuilderContract('BuildKit over HTTP', 'buildkit', onDevice('build-kit'));
imageBuilderContract('the classic builder over HTTP', 'classic', onDevice('build-classic'));
imageBuilderContract('BuildKit over a session', 'buildkit', onDevice('b1-contract'), 'files');
