import { describe, expect, it } from 'vitest';
import { ScreenModes } from '../../../src/shell/screen-modes.js';

const ESC = '\u001b';

const undoOf = (...chunks: string[]): string => {
  const modes = new ScreenModes();
  for (const chunk of chunks) modes.saw(Buffer.from(chunk));
  return modes.takeUndo();
};

describe('the modes of a terminal that was left', () => {
  it.each([
    ['plain output', 'hello\r\nworld'],
    ['colours', `${ESC}[31mred${ESC}[0m`],
    ['an editor that ended in good order', `${ESC}[?1049h${ESC}[1;24rtext${ESC}[r${ESC}[?1049l`],
    ['a cursor that was hidden and shown', `${ESC}[?25l${ESC}[?25h`],
    ['a full reset', `${ESC}[?1049h${ESC}[?25l${ESC}=${ESC}c`],
    [
      'keys as another kind of sequences, and as before',
      `${ESC}[>4;2m${ESC}[>1u${ESC}[=5u${ESC}[=0u${ESC}[<u${ESC}[>4m`,
    ],
    ['a cursor of another shape, and as before', `${ESC}[6 q${ESC}[0 q`],
    ['a mode that is not ours to judge', `${ESC}[?12h`],
  ])('need nothing after %s', (_, output) => {
    expect(undoOf(output)).toBe('');
  });

  it.each([
    ['the alternate screen', `${ESC}[?1049h`, `${ESC}[?1049l`],
    ['a hidden cursor', `${ESC}[?25l`, `${ESC}[?25h`],
    ['mouse reports', `${ESC}[?1000;1006h`, `${ESC}[?1000l${ESC}[?1006l`],
    ['bracketed paste', `${ESC}[?2004h`, `${ESC}[?2004l`],
    ['the keypad of applications', `${ESC}=`, `${ESC}>`],
    ['keys as vim wants them of xterm', `${ESC}[>4;2m`, `${ESC}[>4m`],
    ['keys as programs want them of kitty', `${ESC}[>1u${ESC}[>31u${ESC}[<1u`, `${ESC}[<1u`],
    ['keys that were set so', `${ESC}[=5;1u`, `${ESC}[=0u`],
    ['the shape of the cursor', `${ESC}[6 q`, `${ESC}[0 q`],
    ['a scroll region, the cursor kept', `${ESC}[2;10r`, `${ESC}7${ESC}[r${ESC}8`],
  ])('are taken back: %s', (_, output, undo) => {
    expect(undoOf(output)).toBe(`${undo}${ESC}[0m`);
  });

  it('are seen when a sequence arrives in pieces', () => {
    expect(undoOf('x', ESC, '[', '?10', '49', 'h')).toBe(`${ESC}[?1049l${ESC}[0m`);
    expect(undoOf('x', ESC, '[', '>4;', '2', 'm')).toBe(`${ESC}[>4m${ESC}[0m`);
    expect(undoOf(`x${ESC}[6`, ' ', 'q')).toBe(`${ESC}[0 q${ESC}[0m`);
  });

  it('are taken back once', () => {
    const modes = new ScreenModes();
    modes.saw(Buffer.from(`${ESC}[?25l`));
    modes.takeUndo();
    expect(modes.takeUndo()).toBe('');
  });
});
