import { expect, it } from 'vitest';
import { RdtError } from '../../../src/errors.js';
import { tellFailure } from '../../../src/watch/failures.js';
import { WatchMemory } from '../../../src/watch/watch-memory.js';

it('a failure is told once, also when the engine names another temporary folder each time', () => {
  const [memory, told] = [new WatchMemory(), [] as unknown[]];
  const full = (folder: number) => new RdtError(`mkdir /var/.pivot_root${folder}: no space left on device`);
  for (const error of [full(1_394_485_368), full(283_745_192), new RdtError('no such file')])
    tellFailure(memory, (event) => told.push(event), error);
  expect(told).toHaveLength(2);
});
