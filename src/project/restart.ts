import { accepted, type Parsed, quoted, refused } from './parsed.js';

/** What the engine does when the app ends by itself. */
export type RestartPolicy =
  | { readonly kind: 'no' | 'always' | 'unless-stopped' }
  | { readonly kind: 'on-failure'; readonly maximumRetries: number | undefined };

/** What we do to the app after files were synced. */
export type AfterSync =
  | { readonly kind: 'container' | 'process' | 'none' }
  | { readonly kind: 'signal'; readonly signal: string };

/** The key `restart` has carried both meanings; their words do not overlap, so each word tells which is meant. */
export type Restart =
  | { readonly meaning: 'policy'; readonly policy: RestartPolicy }
  | { readonly meaning: 'after-sync'; readonly afterSync: AfterSync };

const POLICY_ADVICE = 'no, always, unless-stopped or on-failure[:retries]';
const AFTER_SYNC_ADVICE = 'container, process, none or signal:<name>';

/** As the engine knows them (moby `signal`): it would refuse any other one after each sync, when all has been sent. */
const SIGNAL =
  /^(ABRT|ALRM|BUS|CHLD|CLD|CONT|FPE|HUP|ILL|INT|IO|IOT|KILL|PIPE|POLL|PROF|PWR|QUIT|SEGV|STKFLT|STOP|SYS|TERM|TRAP|TSTP|TTIN|TTOU|URG|USR1|USR2|VTALRM|WINCH|XCPU|XFSZ|RTMIN(\+([1-9]|1[0-5]))?|RTMAX(-([1-9]|1[0-4]))?)$/;

export function parseRestartPolicy(text: string): Parsed<RestartPolicy> {
  if (text === 'no' || text === 'always' || text === 'unless-stopped') return accepted({ kind: text });
  const onFailure = /^on-failure(?::([0-9]{1,6}))?$/.exec(text);
  if (onFailure === null) return refused(`must be ${POLICY_ADVICE}, not ${quoted(text)}`);
  const maximumRetries = onFailure[1] === undefined ? undefined : Number(onFailure[1]);
  return accepted({ kind: 'on-failure', maximumRetries });
}

/** A signal is given as `signal:HUP` or `signal:SIGHUP` and comes out as `SIGHUP`. */
export function parseAfterSync(text: string): Parsed<AfterSync> {
  if (text === 'container' || text === 'process' || text === 'none') return accepted({ kind: text });
  const signal = /^signal:(?:SIG)?([A-Z][A-Z0-9+-]{1,9})$/.exec(text);
  if (signal === null) return refused(`must be ${AFTER_SYNC_ADVICE}, not ${quoted(text)}`);
  if (!SIGNAL.test(signal[1] ?? '')) return refused(`names no signal: ${quoted(text)}`);
  return accepted({ kind: 'signal', signal: `SIG${signal[1] ?? ''}` });
}

export function parseRestart(text: string): Parsed<Restart> {
  const policy = parseRestartPolicy(text);
  if (policy.ok) return accepted({ meaning: 'policy', policy: policy.value });
  const afterSync = parseAfterSync(text);
  if (afterSync.ok) return accepted({ meaning: 'after-sync', afterSync: afterSync.value });
  if (text.startsWith('signal:')) return afterSync;
  return refused(`must be ${AFTER_SYNC_ADVICE}; or for the engine ${POLICY_ADVICE}; not ${quoted(text)}`);
}

export const formatAfterSync = (afterSync: AfterSync): string =>
  afterSync.kind === 'signal' ? `signal:${afterSync.signal.slice('SIG'.length)}` : afterSync.kind;

export function formatRestartPolicy(policy: RestartPolicy): string {
  if (policy.kind !== 'on-failure' || policy.maximumRetries === undefined) return policy.kind;
  return `on-failure:${policy.maximumRetries}`;
}
