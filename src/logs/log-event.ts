/** What happens to a log that is followed, besides its lines. */
export type LogEvent =
  /** One that was not there when the others were begun. */
  | { readonly type: 'joined'; readonly app: string }
  | { readonly type: 'restarted'; readonly app: string }
  | { readonly type: 'recreated'; readonly app: string }
  /** It will be heard of again when it is started. */
  | { readonly type: 'stopped'; readonly app: string; readonly exitCode: number }
  | { readonly type: 'removed'; readonly app: string }
  /** It is left out where all are shown. */
  | { readonly type: 'unreadable'; readonly app: string }
  /** Told once, however many containers are followed. */
  | { readonly type: 'connection-lost'; readonly reason: string };

export type EmitLogEvent = (event: LogEvent) => void;
