import type { Writable } from 'node:stream';
import { fitWidth } from './text-width.js';

const DEFAULT_COLUMNS = 80;

/** Lines at the end of a terminal that are drawn again and again, while others scroll by above. */
export class LiveBlock {
  private drawnLines = 0;

  constructor(private readonly terminal: Writable & { columns?: number }) {}

  get columns(): number {
    return this.terminal.columns ?? DEFAULT_COLUMNS;
  }

  /** Replaces the block. Lines are cut to the width: one that wraps would break the count. */
  draw(lines: readonly string[], style: (line: string) => string): void {
    const block = lines.map((line) => `${style(fitWidth(line, this.columns - 1))}\n`).join('');
    this.terminal.write(this.erasing() + block);
    this.drawnLines = lines.length;
  }

  /** Writes above the block, which is gone until the next `draw`. */
  print(line: string): void {
    this.terminal.write(`${this.erasing()}${line}\n`);
    this.drawnLines = 0;
  }

  clear(): void {
    if (this.drawnLines > 0) this.terminal.write(this.erasing());
    this.drawnLines = 0;
  }

  /** To the first column (a ^C may have been echoed there), up, and erase to the end of the screen (ECMA-48 CUU, ED). */
  private erasing(): string {
    return this.drawnLines === 0 ? '' : `\r\u001b[${this.drawnLines}A\u001b[J`;
  }
}
