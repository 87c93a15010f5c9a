/** Calls `onSilence` when `heard` was not called for `silenceMs`. Without a limit it never does. */
export class SilenceWatch {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly silenceMs: number | undefined,
    private readonly onSilence: () => void,
  ) {
    this.start();
  }

  start(): void {
    this.stop();
    if (this.silenceMs !== undefined) this.timer = setTimeout(this.onSilence, this.silenceMs);
  }

  heard(): void {
    this.timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
