import { afterAll } from 'vitest';
import { FatVolume } from '../../src/image/fat/fat-volume.js';
import { FatTools, VOLUMES } from '../unit/image/medium/fat-tools.js';
import { MemoryDevice } from '../unit/image/medium/memory-device.js';
import { FAT_PROGRAMS, hasPrograms } from '../unit/image/medium/with-programs.js';
import { describeBootFiles } from './boot-files-contract.js';
import { MemoryBootFiles } from './memory-boot-files.js';

const FILES = { '/config.json': '{}', '/system-connections/resin-sample': 'x' };

const tools = new FatTools();
afterAll(() => tools[Symbol.dispose]());

describeBootFiles('memory', () => Promise.resolve(new MemoryBootFiles(FILES)));

const describeFat = hasPrograms(...FAT_PROGRAMS) ? describeBootFiles : () => undefined;

describeFat('a FAT volume', async () => {
  const device = new MemoryDevice(tools.make(VOLUMES.fat16, FILES));
  const volume = await FatVolume.open(device, () => new Date());
  if (volume === undefined) throw new Error('no FAT volume');
  return volume;
});
