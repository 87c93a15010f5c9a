import { mkdirSync } from 'node:fs';
import { afterAll, beforeAll, it } from 'vitest';
import { eventually } from '../testbed/eventually.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { CuttingProxy } from './cutting-proxy.js';
import { HELLO } from './pushed-app.js';
import { WatchedApp } from './watched-app.js';

/** Once, when told to, it takes its time to put folders in place: what it puts has been read by then. */
const SLOW_TAR = `#!/bin/sh
PATH=/usr/bin:/bin
case $* in
  *places*)
    if rm /tmp/slow 2>/dev/null; then
      cp "$2" /tmp/places
      touch /tmp/begun
      sleep 4
      tar -xf /tmp/places
      touch /tmp/ended
      exit
    fi
esac
exec tar "$@"
`;
const FILES = {
  ...HELLO,
  Dockerfile: `FROM gnu
WORKDIR /usr/src/app
COPY . .
RUN mkdir -p /usr/local/bin && cp slow-tar /usr/local/bin/tar && chmod +x /usr/local/bin/tar
CMD ["sh", "main.sh"]
`,
  'slow-tar': SLOW_TAR,
  'doomed.txt': '',
};

let device: VirtualDevice;

beforeAll(async () => {
  device = await VirtualDevice.up({ name: 'straggler', announce: false, images: ['gnu'] });
});
afterAll(() => device.down());

it('a sync that goes on in the container after its connection was cut leaves nothing behind the next one', async () => {
  await using proxy = await CuttingProxy.open(device.address, device.enginePort);
  await using app = new WatchedApp(device, 'straggler', FILES, `tcp://127.0.0.1:${proxy.port}`);
  const has = (path: string) =>
    app.exec('ls', path).then(
      () => true,
      () => false,
    );
  await app.watch('--restart', 'none');
  await app.exec('touch', '/tmp/slow');
  app.remove('doomed.txt');
  mkdirSync(app.path('soon/gone'), { recursive: true });
  await eventually(() => has('/tmp/begun'), {
    what: 'a sync that puts its folders in place',
    withinMs: 20_000,
  });
  proxy.cut();
  app.remove('soon');
  app.write('greeting.txt', 'after the cut');
  await eventually(() => has('/tmp/ended'), { what: 'the end of what the first sync did', withinMs: 20_000 });
  await app.untilInStep();
});
