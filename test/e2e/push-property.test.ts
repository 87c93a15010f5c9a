import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { containerTree, localTree } from './file-trees.js';
import { RandomFolder, randomFrom } from './random-folder.js';
import { Rdt } from './rdt.js';

const STEPS_BETWEEN_PUSHES = 10;
/** Then the container is asked for each path. */
const STEPS_BETWEEN_LOST_STATES = 30;
const SEED = Number(process.env['RDT_TEST_SEED'] ?? 20_261_123);

let device: VirtualDevice;

beforeAll(async () => {
  device = await VirtualDevice.up({ name: 'pushprop', images: ['busybox', 'gnu'] });
});
afterAll(() => device.down());

/** The programs of the image do the work of a sync that deletes: both families of them have to. */
it.each([
  ['busybox', 500],
  ['gnu', 100],
])(
  'keeps a %s container equal to the folder over %i random steps',
  { timeout: 900_000 },
  async (image, steps) => {
    using rdt = new Rdt();
    const source = join(rdt.home, 'project');
    mkdirSync(source);
    writeFileSync(
      join(source, 'Dockerfile'),
      `FROM ${image}\nWORKDIR /usr/src/app\nCOPY . .\nCMD ["sh", "main.sh"]\n`,
    );
    writeFileSync(join(source, 'main.sh'), 'while true; do sleep 1; done\n');
    const folder = new RandomFolder(source, randomFrom(SEED));
    for (let step = 1; step <= steps; step++) {
      folder.step();
      if (step % STEPS_BETWEEN_PUSHES !== 0) continue;
      const app = `property-${image}`;
      if (step % STEPS_BETWEEN_LOST_STATES === 0) await device.docker('exec', app, 'rm', '.rdt-state');
      const flags = ['--app-name', app, '--skip-logs', '--force'];
      const { exitCode, stderr } = await rdt.run(['push', device.address, ...flags], { cwd: source });
      expect(exitCode, stderr).toBe(0);
      const engine = `tcp://${device.address}:${device.enginePort}`;
      const there = await containerTree(engine, app, '/usr/src/app');
      expect(there, `after step ${step} of seed ${SEED}`).toEqual(localTree(source, isProjectFile));
    }
  },
);

const isProjectFile = (path: string): boolean => path === '.resin-sync.yml';
