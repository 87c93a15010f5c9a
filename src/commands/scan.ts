import { Command, InvalidArgumentError } from 'commander';
import { ExitCode } from '../errors.js';
import type { CommandDeps } from './command-deps.js';

/** Asked for at 0, 0.2, 1 and 2 s; the last second is for answers that are slow. */
const DEFAULT_SECONDS = 3;

interface ScanFlags {
  readonly json?: true;
  readonly all?: true;
  readonly timeout: number;
}

export function scanCommand(deps: CommandDeps): Command {
  return new Command('scan')
    .description(
      'List the devices in the local network, each as soon as it answers. Exit code 1 when there is none.',
    )
    .option('--json', 'print one JSON array, when the time is up')
    .option('-t, --timeout <seconds>', 'how long to look', parseSeconds, DEFAULT_SECONDS)
    .option('-a, --all', 'every host that announces ssh, not only resinOS and balenaOS devices')
    .action((flags: ScanFlags) => runScan(flags, deps));
}

async function runScan(flags: ScanFlags, deps: CommandDeps): Promise<void> {
  const { runtime, wiring } = deps;
  const [discovery, { renderScan }, { noDeviceFound }] = await Promise.all([
    wiring.discovery(),
    import('../ui/render-scan.js'),
    import('../discovery/find-errors.js'),
  ]);
  const services = flags.all === true ? 'all' : 'devices';
  const scan = discovery.scan({ services, limitMs: flags.timeout * 1000 }, runtime.signal);
  const rows = await renderScan(scan.rows, runtime.stdout, flags.json === true);
  if (rows.length === 0) throw noDeviceFound(scan.interfaces(), flags.timeout, ExitCode.failure);
  if (rows.every(({ kind }) => kind === 'unreachable')) deps.setExitCode(ExitCode.failure);
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= 3600))
    throw new InvalidArgumentError('It must be a number of seconds, 0.1 to 3600.');
  return seconds;
}
