import { describe, expect, it } from 'vitest';
import { RdtError } from '../../../src/errors.js';
import { redirected } from '../../../src/image/decode/http-answer.js';
import { openImage } from './packed-files.js';

describe('an address that is none', () => {
  it.each(['http://', 'http://127.0.0.1:999999/os.img', 'http://me%zz@127.0.0.1/os.img'])(
    '%s is refused',
    async (address) => {
      await expect(openImage(address)).rejects.toThrow(/is not a valid address/);
    },
  );

  it.each(['http://[', 'http://me%zz@127.0.0.1/'])(
    'is refused as the end of a redirection: %s',
    (location) => {
      expect(() => redirected(new URL('http://127.0.0.1/os.img'), location)).toThrow(RdtError);
    },
  );
});
