// What people run today: etcher-sdk's pipeline, as its own examples put it together.
// usage: node etcher-flash.mjs <folder of its node_modules> <image> <drive> <sizeBytes> [verify]
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [folder, image, device, size, verify] = process.argv.slice(2);
const require = createRequire(join(folder, 'package.json'));
const { sourceDestination, multiWrite } = require('etcher-sdk');

const file = new sourceDestination.File({ path: image });
const source = await file.getInnerSource();
const drive = new sourceDestination.BlockDevice({
  drive: {
    device,
    raw: device,
    devicePath: null,
    description: 'bench',
    size: Number(size),
    blockSize: 4096,
    mountpoints: [],
    isSystem: false,
    isReadOnly: false,
  },
  write: true,
  direct: true,
  unmountOnSuccess: false,
});
const { failures } = await multiWrite.pipeSourceToDestinations({
  source,
  destinations: [drive],
  onFail: (_, error) => console.error(error.message),
  onProgress: () => undefined,
  verify: verify === 'verify',
  trim: false,
});
process.exit(failures.size === 0 ? 0 : 1);
