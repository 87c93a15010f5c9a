import { Command, InvalidArgumentError } from 'commander';
import { ExitCode, RdtError } from '../errors.js';
import type { WantedApps } from '../logs/choose-apps.js';
import { type LogTime, parseLogTime } from '../logs/log-time.js';
import type { CommandDeps } from './command-deps.js';
import { DEVICE_HELP } from './device-help.js';
import { repeated } from './option-values.js';

const NOTES = `
Without --app-name: the app of this folder's project file, else the only container that runs, else you choose.
With --follow the log goes on when the container is restarted or replaced, the device reboots, or the network is gone for a
while; each line is shown once.

Examples:
  $ rdt logs -f
  $ rdt logs kitchen.local --app-name web --since 10m --grep 'timeout|refused'
  $ rdt logs --all -f -t
  $ rdt logs --json | jq -r .text
  $ rdt logs --host --since 1h`;

interface LogsFlags {
  readonly follow?: true;
  readonly appName?: readonly string[];
  readonly all?: true;
  readonly host?: true;
  readonly tail?: number | 'all';
  readonly since?: LogTime;
  readonly until?: LogTime;
  readonly timestamps?: true;
  readonly grep?: RegExp;
  readonly json?: true;
  readonly raw?: true;
  readonly color: boolean;
  readonly identity?: readonly string[];
}

export function logsCommand(deps: CommandDeps): Command {
  return new Command('logs')
    .description('Show what containers, or the device itself, have printed.')
    .argument('[device]', DEVICE_HELP)
    .option('-f, --follow', 'go on with what is printed from now on, until Ctrl-C')
    .option('-a, --app-name <name>', 'name or id of the container; may be repeated', repeated)
    .option('--all', 'every container')
    .option('--host', "the device's own journal")
    .option('--tail <n>', 'only the last lines, or all (default: all; 100 with --follow)', tail)
    .option('--since <time>', 'from then on: 10m, 1h30m, or a date such as 2026-01-31T12:00:00Z', time)
    .option('--until <time>', 'up to then', time)
    .option('-t, --timestamps', 'put its time before each line')
    .option('--grep <regex>', 'only lines that match', regex)
    .option('--json', 'one JSON object a line: device, app, stream, time, text')
    .option('--raw', 'pass control sequences to the terminal')
    .option('--no-color', 'no colours')
    .option('--identity <file>', 'private key for ssh; may be repeated', repeated)
    .addHelpText('after', NOTES)
    .action((target: string | undefined, flags: LogsFlags) => runLogs(target, flags, deps));
}

async function runLogs(target: string | undefined, flags: LogsFlags, { wiring }: CommandDeps): Promise<void> {
  const { since, until, grep, follow = false, host = false } = flags;
  const apps = wantedApps(flags);
  if (follow && until !== undefined) throw usage('--follow has no end, so that --until says nothing.');
  const logs = await wiring.logs({
    json: flags.json === true,
    timestamps: flags.timestamps === true,
    raw: flags.raw === true,
    color: flags.color,
    identity: flags.identity ?? [],
  });
  const request = { target, follow, tail: flags.tail, since, until, grep };
  await (host ? logs.host(request) : logs.containers({ ...request, apps }));
}

function wantedApps({ appName: names, all, host }: LogsFlags): WantedApps {
  const given = [names && '--app-name', all && '--all', host && '--host'].filter(
    (flag) => typeof flag === 'string',
  );
  if (given.length > 1) throw usage(`${given.join(' and ')} exclude each other.`);
  if (names !== undefined) return { kind: 'named', names };
  return { kind: all === true ? 'all' : 'open' };
}

const usage = (message: string): RdtError => new RdtError(message, { exitCode: ExitCode.usage });

function tail(text: string): number | 'all' {
  if (text === 'all') return text;
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a number of lines, or all.');
  return Number(text);
}

function time(text: string): LogTime {
  const parsed = parseLogTime(text);
  if (!parsed.ok) throw new InvalidArgumentError(`It ${parsed.reason}.`);
  return parsed.value;
}

function regex(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new InvalidArgumentError(
      error instanceof Error ? `${error.message}.` : 'It is no regular expression.',
    );
  }
}
