/** Calls `onSilence` once when `heard` was not called for `silenceMs`. Without a limit it never does. */
export class SilenceWatch {
  private timer: NodeJS.Timeout | undefined;

  constructor(silenceMs: number | undefined, onSilence: () => void) {
    if (silenceMs !== undefined) this.timer = setTimeout(onSilence, silenceMs);
  }

  heard(): void {
    this.timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
