import { Command } from 'commander';
import { ExitCode, RdtError } from '../errors.js';
import type { ConfigureRequest, ConfigureTarget } from '../image/configure-session.js';
import type { CommandDeps } from './command-deps.js';
import type { ConfigureFlags } from './configure-flags.js';
import { addConfigureOptions } from './configure-options.js';
import { filled, repeated } from './option-values.js';

const NOTES = `
Without any setting it asks. Options that are not given leave what is there; a list that is given replaces the list that is there.
Wi-Fi goes into the NetworkManager profile "resin-wifi"; other profiles are left alone unless --connection names them.

A file of settings (--from) has the long options as keys: "hostname: kitchen", "wifi-ssid: home". In the place of the wifi-... keys it may have
"networks", a list with "ssid", "key-file" and so on for each, the preferred one first; "ethernet" has "static-ip", "gateway" and "dns".

Examples:
  $ rdt configure card.img --hostname kitchen --wifi-ssid home --wifi-key-file key.txt
  $ rdt configure /dev/sdc --from fleet.yml --hostname kitchen-2 --dry-run
  $ rdt configure card.img --set 'os.network.connectivity.uri=""' --unset os.fan
  $ rdt configure --device kitchen.local --show`;

interface OwnFlags {
  readonly device?: string;
  readonly identity?: readonly string[];
  readonly show?: true;
  readonly dryRun?: true;
  readonly json?: true;
  readonly from?: string;
  readonly wifiKey?: string;
}

export function configureCommand(deps: CommandDeps): Command {
  const command = new Command('configure')
    .description('Set up the host name, Wi-Fi and more of a resinOS image, a card, or a running device.')
    .argument('[target]', 'image file or drive', filled)
    .option('--device <device>', 'a running device instead: address, host name or name from rdt scan')
    .option('--identity <file>', 'private key for ssh; may be repeated', repeated)
    .option('--show', 'print what is set, without secrets')
    .option('--dry-run', 'print what would change, and change nothing')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', NOTES);
  return addConfigureOptions(command).action((target: string | undefined, flags: OwnFlags & ConfigureFlags) =>
    run(target, flags, deps),
  );
}

async function run(
  target: string | undefined,
  flags: OwnFlags & ConfigureFlags,
  { runtime, wiring }: CommandDeps,
): Promise<void> {
  const { parseConfigureOptions } = await import('./configure-flags.js');
  const request: ConfigureRequest = {
    target: toTarget(target, flags),
    action: flags.show === true ? 'show' : flags.dryRun === true ? 'plan' : 'apply',
    given: parseConfigureOptions(flags, runtime.cwd),
    from: flags.from,
  };
  warnOfVisibleKey(flags, runtime.stderr);
  const [configure, { renderConfigure }] = await Promise.all([
    wiring.configure(),
    import('../ui/render-configure.js'),
  ]);
  renderConfigure(await configure(request, runtime.signal), runtime.stdout, flags.json === true);
}

function toTarget(path: string | undefined, { device, identity = [] }: OwnFlags): ConfigureTarget {
  if ((path === undefined) === (device === undefined)) {
    throw new RdtError('name either an image file or a drive, or a running device with --device', {
      exitCode: ExitCode.usage,
    });
  }
  return path === undefined ? { kind: 'device', name: device, identity } : { kind: 'medium', path };
}

/** For every command that takes the key. */
export function warnOfVisibleKey({ wifiKey }: OwnFlags, stderr: NodeJS.WritableStream): void {
  if (wifiKey === undefined) return;
  stderr.write(
    'rdt: the key on the command line can be seen by others on this machine, and stays in the history of the shell\n',
  );
}
