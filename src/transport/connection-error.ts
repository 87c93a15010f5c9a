import { ExitCode, RdtError } from '../errors.js';
import { errorCode } from '../system-error.js';

interface Explanation {
  readonly reason: string;
  readonly hint: string;
}

const CHECK_THE_DEVICE =
  'Check that the device is on and in this network; `rdt scan` lists the ones that answer.';
const CONNECTION_CUT: Explanation = {
  reason: 'the connection was cut',
  hint: 'The device may have rebooted or left the network; try again when `rdt scan` shows it.',
};
const NOT_AN_ENGINE: Explanation = {
  reason: 'what answers there is not a container engine',
  hint: 'Check the port: the engine of a development image listens on 2375, ssh on 22222.',
};
const NO_ANSWER: Explanation = { reason: 'no answer', hint: CHECK_THE_DEVICE };

const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  ECONNREFUSED: {
    reason: 'connection refused',
    hint: 'The host is there but nothing listens on that port. Production images offer ssh (port 22222) only.',
  },
  ETIMEDOUT: NO_ANSWER,
  EHOSTUNREACH: { reason: 'no route to the host', hint: CHECK_THE_DEVICE },
  ENETUNREACH: {
    reason: 'the network is unreachable',
    hint: 'Check the network connection of this computer.',
  },
  EHOSTDOWN: { reason: 'the host is down', hint: CHECK_THE_DEVICE },
  ENOTFOUND: { reason: 'the name is unknown', hint: CHECK_THE_DEVICE },
  EAI_AGAIN: { reason: 'the name cannot be resolved', hint: CHECK_THE_DEVICE },
  EINVAL: {
    reason: 'the address cannot be used',
    hint: 'A link-local IPv6 address needs its interface: fe80::1%eth0.',
  },
  ECONNRESET: CONNECTION_CUT,
  ECONNABORTED: CONNECTION_CUT,
  EPIPE: CONNECTION_CUT,
};

const explain = (error: unknown): Explanation => {
  const code = errorCode(error);
  if (code === undefined)
    return { reason: error instanceof Error ? error.message : String(error), hint: CHECK_THE_DEVICE };
  // llhttp, Node's parser, names all its errors HPE_*.
  if (code.startsWith('HPE_')) return NOT_AN_ENGINE;
  return EXPLANATIONS[code] ?? { reason: code, hint: CHECK_THE_DEVICE };
};

/** The failure of a connection (not an answer that says no) as an `RdtError` with exit code 4. An `RdtError` is passed through. */
export const unreachable = (where: string, error: unknown): RdtError => {
  if (error instanceof RdtError) return error;
  const { reason, hint } = explain(error);
  return new RdtError(`Cannot reach ${where}: ${reason}.`, {
    exitCode: ExitCode.unreachable,
    hint,
    cause: error,
  });
};

/** Nothing came for `silenceMs`: exit code 4. */
export const noAnswer = (where: string, silenceMs: number): RdtError =>
  new RdtError(`Cannot reach ${where}: no answer within ${silenceMs / 1000} s.`, {
    exitCode: ExitCode.unreachable,
    hint: CHECK_THE_DEVICE,
  });

/** The way to the engine is open, and nothing came over it for `silenceMs`: exit code 4. */
export const silentEngine = (where: string, silenceMs: number): RdtError =>
  new RdtError(`The container engine at ${where} gave no answer within ${silenceMs / 1000} s.`, {
    exitCode: ExitCode.unreachable,
    hint: 'If `rdt ssh --host` still opens a shell on the device, its engine hangs, or has too much to do: restart the engine, or the device. Else the device has left the network; `rdt scan` lists the ones that answer.',
  });

/** What answers there says something else than an engine would: exit code 4. */
export const notAnEngine = (where: string, asked: string, cause?: unknown): RdtError =>
  new RdtError(`${where} did not answer ${asked} as a container engine does.`, {
    exitCode: ExitCode.unreachable,
    hint: NOT_AN_ENGINE.hint,
    cause,
  });

/** An established stream ended before it was complete: exit code 4. */
export const connectionCut = (where: string, cause?: unknown): RdtError =>
  new RdtError(`Lost ${where}: ${CONNECTION_CUT.reason}.`, {
    exitCode: ExitCode.unreachable,
    hint: CONNECTION_CUT.hint,
    cause,
  });
