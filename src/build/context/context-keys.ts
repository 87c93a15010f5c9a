/**
 * Under which key a device keeps the context of an app. BuildKit compares what it keeps with what it is told by size, mode and
 * time, but remembers the digests of the contents in a book of its own, which it writes when all has arrived. An engine that is
 * killed in between (power cut) has new files under old digests, and would later take an old step from its cache for them. So a
 * key is good for another build only if the last one was answered, and is never used again otherwise.
 */
export interface ContextKeys {
  /** That of the last build that was answered, or a new one. Nobody else gets it until it is kept. */
  take(target: string): Promise<string>;
  /** The engine has answered, whatever became of the build. */
  keep(target: string, key: string): Promise<void>;
}
