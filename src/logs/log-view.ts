import type { LogEvent } from './log-event.js';
import type { LogLine } from './log-line.js';

/** Where lines and events are shown. */
export interface LogView {
  /** Whether it shows times, or needs them otherwise. */
  readonly needsTimes: boolean;
  /** Told before the first line, and again when there are more apps. */
  begin(device: string, apps: readonly string[]): void;
  /** Resolves when there is room for more. */
  show(lines: readonly LogLine[]): Promise<void>;
  note(event: LogEvent): void;
}
