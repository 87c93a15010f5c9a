/** Signals 1 to 31 of Linux on all processors that rdt knows, in their order. */
const NAMES =
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'.split(
    ' ',
  );
const ALIASES: Readonly<Record<string, string>> = { IOT: 'ABRT', CLD: 'CHLD', POLL: 'IO', UNUSED: 'SYS' };
/** As the engine counts them. */
const RTMIN = 34;
const RTMAX = 64;

/** The device's number for a signal as an image may name it (`SIGTERM`, `QUIT`, `9`, `SIGRTMIN+3`); what nobody knows is SIGTERM, as for the engine. */
export function signalNumber(name: string): number {
  const bare = name.toUpperCase().replace(/^SIG/, '');
  const number = /^\d+$/.test(bare)
    ? Number(bare)
    : (realTime(bare) ?? NAMES.indexOf(ALIASES[bare] ?? bare) + 1);
  return number >= 1 && number <= RTMAX ? number : 15;
}

function realTime(name: string): number | undefined {
  const parts = /^RT(MIN|MAX)([+-]\d+)?$/.exec(name);
  if (parts === null) return undefined;
  return (parts[1] === 'MIN' ? RTMIN : RTMAX) + Number(parts[2] ?? 0);
}
