import type { Runtime } from '../runtime.js';
import { formatBytes } from './amounts.js';
import { LiveBlock } from './live-block.js';
import { styleFor } from './style.js';

/** `sending 3.2 MB of 10.0 MB`: drawn in place on a terminal; elsewhere a line each, and only for those who asked for it. */
export class ProgressLine {
  /** `--progress` */
  wanted = false;
  private readonly block: LiveBlock | undefined;

  constructor(private readonly runtime: Pick<Runtime, 'stderr' | 'env'>) {
    const canMoveCursor = runtime.stderr.isTTY === true && runtime.env['TERM'] !== 'dumb';
    this.block = canMoveCursor ? new LiveBlock(runtime.stderr) : undefined;
  }

  show(sentBytes: number, totalBytes: number): void {
    const { dim } = styleFor(this.runtime.stderr, this.runtime.env);
    const line = `sending ${formatBytes(sentBytes)} of ${formatBytes(totalBytes)}`;
    if (this.block !== undefined) this.block.draw([line], dim);
    else if (this.wanted) this.runtime.stderr.write(`${line}\n`);
  }

  clear(): void {
    this.block?.clear();
  }
}
