import { Command } from 'commander';
import type { CommandDeps } from './command-deps.js';

const DESCRIPTION = `Show or forget the ssh host keys of devices.

A device gets a new key when it is flashed again. Then rdt refuses to connect until the old one is forgotten.`;

export function knownHostsCommand(deps: CommandDeps): Command {
  const command = new Command('known-hosts').description(DESCRIPTION);
  command
    .command('list')
    .description('list the known keys with the names and addresses that they go by')
    .option('--json', 'print a JSON array')
    .action((flags: { json?: true }) => listKnownHosts(deps, flags.json === true));
  command
    .command('forget')
    .description('forget the key of a device, so that the next connection trusts a new one')
    .argument('<device>', 'name or address, with or without a port: kitchen, 10.0.0.5, 10.0.0.5:22222')
    .action((device: string) => forgetKnownHost(deps, device));
  return command;
}

async function listKnownHosts({ runtime, wiring }: CommandDeps, asJson: boolean): Promise<void> {
  const [store, { parseKnownHosts }, { renderKnownHosts }] = await Promise.all([
    wiring.knownHosts(),
    import('../transport/known-hosts.js'),
    import('../ui/render-known-hosts.js'),
  ]);
  const known = parseKnownHosts(await store.read());
  if (known.length === 0) runtime.stderr.write('No ssh host key is known yet.\n');
  renderKnownHosts(known, runtime.stdout, asJson);
}

async function forgetKnownHost({ runtime, wiring }: CommandDeps, device: string): Promise<void> {
  const [store, { forgetDevice }, { renderKnownHosts }] = await Promise.all([
    wiring.knownHosts(),
    import('../transport/forget-device.js'),
    import('../ui/render-known-hosts.js'),
  ]);
  const forgotten = await forgetDevice(store, device);
  runtime.stderr.write('Forgotten:\n');
  renderKnownHosts(forgotten, runtime.stdout, false);
}
