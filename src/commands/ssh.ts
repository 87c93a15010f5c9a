import { Command, InvalidArgumentError } from 'commander';
import { ExitCode, RdtError } from '../errors.js';
import { type Forward, parseForward } from '../shell/forward-spec.js';
import type { Place, ShellAction, ShellRequest } from '../shell/shell-request.js';
import type { CommandDeps } from './command-deps.js';
import { DEVICE_HELP } from './device-help.js';
import { repeated } from './option-values.js';

const NOTES = `
Without --container or --host you choose from the containers that run; the app of this folder's project file is the first.
At the start of a line, ~. ends a session that hangs, and ~? lists what else there is. Exit code: that of the shell or command,
128 + n when a signal ended it; 255 when the connection was lost.

Examples:
  $ rdt ssh                                       choose a container
  $ rdt ssh kitchen.local --container web         a shell in it
  $ rdt ssh kitchen.local -c web -- cat /etc/hosts
  $ rdt ssh --host                                a login shell on the device
  $ rdt ssh --host -- journalctl -b > boot.log
  $ rdt ssh -c web --forward 8080:80              http://127.0.0.1:8080 is port 80 of the container`;

interface SshFlags {
  readonly host?: true;
  readonly container?: string;
  readonly port?: number;
  readonly tty?: true;
  readonly forward?: readonly Forward[];
  readonly identity?: readonly string[];
  readonly verbose?: true;
}

export function sshCommand(deps: CommandDeps): Command {
  return new Command('ssh')
    .description('Open a shell, or run a command, in a container or on the device itself.')
    .argument('[device]', DEVICE_HELP)
    .argument('[command...]', 'after --: the command and its arguments, passed on exactly as they are')
    .option('-c, --container <name>', 'the container, by name or id')
    .option('-s, --host', 'the device itself')
    .option('-p, --port <port>', 'where ssh listens (default: 22222)', portNumber)
    .option('-t, --tty', 'give the command a terminal')
    .option(
      '--forward <[bind:]local:remote>',
      'forward a port of this computer until Ctrl-C; may be repeated',
      forward,
    )
    .option('--identity <file>', 'private key for ssh; may be repeated', repeated)
    .option('-v, --verbose', 'show what is tried')
    .addHelpText('after', NOTES)
    .showHelpAfterError('A command goes after two dashes: rdt ssh kitchen.local -c web -- ls -la')
    .action((target: string | undefined, words: readonly string[], flags: SshFlags) =>
      runSsh([...(target === undefined ? [] : [target]), ...words], flags, deps),
    );
}

async function runSsh(words: readonly string[], flags: SshFlags, deps: CommandDeps): Promise<void> {
  const request = requestOf(words, flags, deps);
  const ssh = await deps.wiring.ssh({ identity: flags.identity ?? [], verbose: flags.verbose === true });
  deps.setExitCode(await ssh(request));
}

function requestOf(words: readonly string[], flags: SshFlags, { args, runtime }: CommandDeps): ShellRequest {
  // Dashes before the name of the command are not meant for it.
  const dashes = args.indexOf('--', 1);
  const argv = dashes === -1 ? undefined : args.slice(dashes + 1);
  const [target, ...more] = argv === undefined ? words : words.slice(0, words.length - argv.length);
  if (more.length > 0)
    throw usage(
      `What is ${more.join(' ')}?`,
      `A command goes after two dashes: rdt ssh ${target ?? ''} -- ${more.join(' ')}`,
    );
  if (argv?.length === 0) throw usage('There is no command after the two dashes.');
  const sshPort = flags.port;
  return {
    target,
    sshPort,
    place: placeOf(flags),
    action: actionOf(argv, flags, runtime.stdin.isTTY === true),
  };
}

function placeOf({ host, container }: SshFlags): Place {
  if (host === true && container !== undefined) throw usage('--container and --host exclude each other.');
  if (host === true) return { kind: 'host' };
  return container === undefined ? { kind: 'open' } : { kind: 'container', ref: container };
}

function actionOf(argv: readonly string[] | undefined, flags: SshFlags, isTerminal: boolean): ShellAction {
  const { forward: forwards, tty } = flags;
  if (forwards !== undefined) {
    if (argv !== undefined) throw usage('--forward and a command exclude each other.');
    return { kind: 'forward', forwards };
  }
  if (argv !== undefined) return { kind: 'command', argv, terminal: tty === true };
  return { kind: 'shell', terminal: tty === true || isTerminal };
}

const usage = (message: string, hint?: string): RdtError =>
  new RdtError(message, { exitCode: ExitCode.usage, ...(hint !== undefined && { hint }) });

function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new InvalidArgumentError('It must be a number from 1 to 65535.');
  return port;
}

function forward(text: string, earlier: readonly Forward[] = []): readonly Forward[] {
  const parsed = parseForward(text);
  if (!parsed.ok) throw new InvalidArgumentError(`It ${parsed.reason}.`);
  return [...earlier, parsed.value];
}
