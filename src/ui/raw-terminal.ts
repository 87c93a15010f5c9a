import type { Runtime } from '../runtime.js';
import type { LocalTerminal, RawMode, TerminalSize } from '../shell/local-terminal.js';
import { ScreenModes } from '../shell/screen-modes.js';

/** What terminals are taken for when nothing says how large they are. */
const USUAL_SIZE: TerminalSize = { columns: 80, rows: 24 };
const USUAL_TYPE = 'xterm';

/** Calls the listener when the process ends, for whatever reason, as long as it is not disposed. Only synchronous work counts there. */
export type AtProcessEnd = (listener: () => void) => Disposable;

/** The terminal at our standard streams. */
export class RawTerminal implements LocalTerminal {
  readonly type: string;
  readonly isPresent: boolean;

  constructor(
    private readonly runtime: Pick<Runtime, 'stdin' | 'stdout' | 'env'>,
    private readonly atProcessEnd: AtProcessEnd,
  ) {
    this.type = runtime.env['TERM'] ?? USUAL_TYPE;
    this.isPresent = runtime.stdin.isTTY === true;
  }

  size(): TerminalSize {
    const { columns, rows } = this.runtime.stdout;
    // A terminal that was never told its size has 0 of both.
    return columns && rows ? { columns, rows } : USUAL_SIZE;
  }

  onResize(listener: () => void): Disposable {
    const { stdout } = this.runtime;
    stdout.on('resize', listener);
    return { [Symbol.dispose]: () => void stdout.off('resize', listener) };
  }

  makeRaw(): RawMode {
    const { stdin, stdout } = this.runtime;
    const modes = new ScreenModes();
    stdin.setRawMode?.(true);
    const restore = (): void => {
      stdin.setRawMode?.(false);
      const undo = modes.takeUndo();
      if (stdout.isTTY === true && undo !== '') stdout.write(undo);
    };
    const ending = this.atProcessEnd(restore);
    return {
      sawOutput: (chunk) => modes.saw(chunk),
      [Symbol.dispose]: () => {
        ending[Symbol.dispose]();
        restore();
      },
    };
  }
}
