import { Command, InvalidArgumentError } from 'commander';
import { ExitCode } from '../errors.js';
import type { CommandDeps } from './command-deps.js';
import { warnOfVisibleKey } from './configure.js';
import type { ConfigureFlags } from './configure-flags.js';
import { addConfigureOptions } from './configure-options.js';
import { tellingFailure } from './failure-event.js';
import { filled, repeated } from './option-values.js';

interface FlashFlags {
  readonly drive?: readonly string[];
  readonly yes?: true;
  readonly force?: true;
  readonly verify: boolean;
  readonly json?: true;
  readonly dryRun?: true;
  readonly bmap?: string;
  readonly sha256?: string;
  readonly from?: string;
  readonly wifiKey?: string;
}

const NOTES = `
Examples:
  $ rdt flash resinos.img.xz
  $ rdt flash resinos.img --drive /dev/sdc --hostname kitchen --wifi-ssid home --wifi-key-file key.txt
  $ curl -s https://example.com/os.img.gz | rdt flash - --drive /dev/sdc --yes`;

export function flashCommand(deps: CommandDeps): Command {
  const command = new Command('flash')
    .description('Write an image to a card or USB drive, and check what was written.')
    .argument(
      '<image>',
      'a file (raw, gz, zip, xz, bz2, zst), an http(s):// address, or - for standard input',
      filled,
    )
    .option('-d, --drive <drive>', 'the drive, or an image file; can be given several times', repeated)
    .option('-y, --yes', 'do not ask')
    .option('--force', 'with --yes: drives too that are large or not removable')
    .option('--no-verify', 'do not read back what was written')
    .option(
      '--bmap <file>',
      'write only what this file lists (default: <image>.bmap when it is there)',
      filled,
    )
    .option(
      '--sha256 <hex>',
      'what the image must be (default: <image>.sha256 when it is there)',
      parseSha256,
    )
    .option('--dry-run', 'say what would be written, and write nothing')
    .option('--json', 'print events, one JSON object a line')
    .addHelpText('after', NOTES);
  return addConfigureOptions(command).action((image: string, flags: FlashFlags & ConfigureFlags) =>
    tellingFailure(flags.json === true, deps.runtime, runFlash(image, flags, deps)),
  );
}

async function runFlash(image: string, flags: FlashFlags & ConfigureFlags, deps: CommandDeps): Promise<void> {
  const { runtime, wiring } = deps;
  const [flash, { createFlashView }, { parseConfigureOptions }] = await Promise.all([
    wiring.flash(),
    import('../ui/flash-view.js'),
    import('./configure-flags.js'),
  ]);
  warnOfVisibleKey(flags, runtime.stderr);
  const force = flags.force === true;
  const dryRun = flags.dryRun === true;
  const verdicts = await flash(
    {
      image: { image, bmap: flags.bmap, sha256: flags.sha256 },
      drives: flags.drive ?? [],
      yes: flags.yes === true,
      force,
      verify: flags.verify,
      dryRun,
      settings: { given: parseConfigureOptions(flags, runtime.cwd), from: flags.from },
    },
    createFlashView(runtime, { json: flags.json === true, dryRun }),
    runtime.signal,
  );
  if (verdicts.some((verdict) => verdict.kind === 'failed')) deps.setExitCode(ExitCode.failure);
}

function parseSha256(text: string): string {
  if (!/^[0-9a-fA-F]{64}$/.test(text)) throw new InvalidArgumentError('It must be 64 hexadecimal digits.');
  return text.toLowerCase();
}
