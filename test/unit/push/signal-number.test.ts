import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { signalNumber } from '../../../src/push/signal-number.js';

describe('the number of a stop signal', () => {
  it.skipIf(process.platform !== 'linux')('is the one that Linux has for it', () => {
    for (const [name, number] of Object.entries(constants.signals)) {
      expect(signalNumber(name), name).toBe(number);
    }
  });

  it.each([
    ['SIGTERM', 15],
    ['QUIT', 3],
    ['sigint', 2],
    ['9', 9],
    ['SIGRTMIN+3', 37],
    ['RTMIN', 34],
    ['SIGRTMAX', 64],
    ['SIGRTMAX-4', 60],
  ])('%s is %d', (name, number) => expect(signalNumber(name)).toBe(number));

  it.each(['', 'SIGNONE', '0', '65', 'SIGRTMAX+1', '-9'])(
    '"%s", which is none, counts as SIGTERM',
    (name) => {
      expect(signalNumber(name)).toBe(15);
    },
  );
});
