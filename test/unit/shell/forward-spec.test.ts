import { describe, expect, it } from 'vitest';
import { parseForward } from '../../../src/shell/forward-spec.js';

describe('--forward', () => {
  it.each([
    ['8080:80', '127.0.0.1', 8080, 80],
    ['0:9229', '127.0.0.1', 0, 9229],
    ['0.0.0.0:8080:80', '0.0.0.0', 8080, 80],
    ['localhost:8080:80', 'localhost', 8080, 80],
    ['[::1]:8080:80', '::1', 8080, 80],
  ])('%s', (text, bind, localPort, remotePort) => {
    expect(parseForward(text)).toEqual({ ok: true, value: { bind, localPort, remotePort } });
  });

  it.each([
    '',
    '80',
    '80:',
    ':80',
    'a:b',
    '1:2:3:4',
    '::1:80:80',
    '[::1]80:80',
    '80:0',
    '65536:80',
    '80:65536',
    '[kitchen]:80:80',
    '-1:80',
  ])('refuses %j', (text) => {
    expect(parseForward(text).ok).toBe(false);
  });
});
