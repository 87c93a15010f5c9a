import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { LiveBlock } from '../../../src/ui/live-block.js';

describe('a block that is drawn again', () => {
  it('is erased from the first column on, wherever an echoed ^C has left the cursor', () => {
    const terminal = new PassThrough();
    const block = new LiveBlock(terminal);
    block.draw(['one', 'two'], (line) => line);
    terminal.read();
    block.clear();
    expect(String(terminal.read())).toBe('\r\u001b[2A\u001b[J');
  });
});
