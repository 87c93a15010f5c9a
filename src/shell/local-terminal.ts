/** The terminal that the user sits at. */
export interface LocalTerminal {
  /** As in `TERM`. */
  readonly type: string;
  /** False when the input comes from somewhere else. */
  readonly isPresent: boolean;
  size(): TerminalSize;
  onResize(listener: () => void): Disposable;
  /** Keys arrive as they are typed, until disposed or until the process ends, however it does. */
  makeRaw(): RawMode;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface RawMode extends Disposable {
  /** Tells what is shown, so that modes which it turns on and never off are turned off at the end. */
  sawOutput(chunk: Buffer): void;
}
