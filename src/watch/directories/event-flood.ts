import { readFileSync } from 'node:fs';

/**
 * Tells when the system may have dropped events. inotify keeps a queue of limited length, and Node does not tell of its overflow. But a
 * queue that overflowed was full, and Node empties it in one turn of the event loop: so a turn with many events is suspicious.
 */
export class EventFlood {
  private readonly mostInOneTurn: number;
  private inThisTurn = 0;

  /** `queueLength` in events; by default the system's. */
  constructor(queueLength = queueLengthOfSystem()) {
    // Events of folders that are not watched any more fill the queue too, but are not heard.
    this.mostInOneTurn = Math.ceil(queueLength / 4);
  }

  /** Counts one event; true for the one with which the flood begins. */
  begins(): boolean {
    if (this.inThisTurn === 0) setImmediate(() => (this.inThisTurn = 0));
    this.inThisTurn++;
    return this.isOver();
  }

  /** The rest of this turn need not be heard: everything has to be looked at anyway. */
  isOver(): boolean {
    return this.inThisTurn > this.mostInOneTurn;
  }
}

const KERNEL_DEFAULT = 16_384;

function queueLengthOfSystem(): number {
  try {
    return Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8'));
  } catch {
    // Not Linux, or /proc is not there: what every kernel starts with.
    return KERNEL_DEFAULT;
  }
}
