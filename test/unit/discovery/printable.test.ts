import { describe, expect, it } from 'vitest';
import { printable } from '../../../src/discovery/printable.js';

describe('text from the network', () => {
  it.each([
    ['kitchen', 'kitchen'],
    ['Küche 厨房 🍳', 'Küche 厨房 🍳'],
    ['a\u001b[2Jb', 'a\\u{1b}[2Jb'],
    ['a\r\nb\tc', 'a\\u{d}\\u{a}b\\u{9}c'],
    ['a\u009b31mb', 'a\\u{9b}31mb'],
    ['abc\u202egpj', 'abc\\u{202e}gpj'],
    ['a\u200bb', 'a\\u{200b}b'],
    ['a\u2028b', 'a\\u{2028}b'],
    ['a\ud800b', 'a\\u{d800}b'],
  ])('%j is shown as %j', (text, shown) => {
    expect(printable(text)).toBe(shown);
  });
});
