import { Command } from 'commander';
import type { CommandDeps } from './command-deps.js';
import { DEVICE_HELP } from './device-help.js';
import { tellingFailure } from './failure-event.js';
import { filled, repeated } from './option-values.js';
import {
  afterSync,
  appName,
  destination,
  environment,
  ignorePatterns,
  type PushFlags,
  settingsOf,
  triggerPaths,
  watchOf,
} from './push-flags.js';

const NOTES = `
When Dockerfile, package.json or another build trigger changed, a new image is built on the device, and takes the place of
the running container when it is ready. Otherwise only the changed files go into the running container.
What was said on the command line is remembered in <source>/.resin-sync.yml.

Examples:
  $ rdt push
  $ rdt push kitchen.local --app-name test-server --build-triggers package.json,requirements.txt
  $ rdt push 10.0.0.5 --source . --destination /usr/src/app --before 'npm run build'
  $ rdt push --env DEBUG=1 --ignore lib/ --dry-run`;

export function pushCommand(deps: CommandDeps): Command {
  return new Command('push')
    .description('Build the project on a device, or bring the changed files into its running container.')
    .argument('[device]', DEVICE_HELP)
    .option('-s, --source <path>', 'root of the project', filled, '.')
    .option('-d, --destination <path>', 'folder in the container (default: /usr/src/app)', destination)
    .option(
      '-i, --ignore <paths>',
      'comma-separated patterns to leave alone (default: .git,node_modules/)',
      ignorePatterns,
    )
    .option('--skip-gitignore', 'do not read .gitignore files')
    .option('-b, --before <command>', "run a command here before pushing; '' runs none this time")
    .option('-a, --after <command>', "run a command here after pushing; '' runs none this time")
    .option('-e, --env <name=value>', 'environment variable for the app; may be repeated', environment)
    .option('-n, --app-name <name>', 'name of the image and the container', appName)
    .option(
      '-r, --build-triggers <files>',
      'comma-separated files that call for a build when they change',
      triggerPaths,
    )
    .option('-w, --watch', 'push, then bring every change into the app as it happens, until Ctrl-C')
    .option('--poll', 'with --watch: look for changes each second, where the system does not tell of them')
    .option('-f, --force-build', 'build and start anew whatever changed')
    .option(
      '--restart <how>',
      'after a sync: container (default), process, none, or signal:<name>',
      afterSync,
    )
    .option('--identity <file>', 'private key for ssh; may be repeated', repeated)
    .option('--force', 'also delete all that was once sent, or more than half of it from 100 files on')
    .option(
      '--verify',
      'compare with the files in the container itself, and put right what was changed there',
    )
    .option('--no-compress', 'send everything as it is, also over a slow link')
    .option('--skip-logs', 'end after the push instead of following the output of the app')
    .option('-p, --progress', 'show progress')
    .option('-v, --verbose', 'say more')
    .option('--no-progress', 'take back a -p that is remembered')
    .option('--no-verbose', 'take back a -v that is remembered')
    .option('--dry-run', 'print what would be done, and do nothing')
    .option('--timing', 'print how long each part took')
    .option('--json', 'print events as JSON, one object a line')
    .addHelpText('after', NOTES)
    .action((target: string | undefined, flags: PushFlags) =>
      tellingFailure(flags.json === true, deps.runtime, runPush(target, flags, deps)),
    );
}

async function runPush(target: string | undefined, flags: PushFlags, { wiring }: CommandDeps): Promise<void> {
  const { json = false, timing = false, identity = [], dryRun = false } = flags;
  const watch = watchOf(flags);
  const push = await wiring.push({ json, timing, identity, watch });
  await push({
    target,
    source: flags.source,
    flags: settingsOf(flags),
    forceBuild: flags.forceBuild ?? false,
    dryRun,
    force: flags.force ?? false,
    verify: flags.verify ?? false,
    compress: flags.compress,
    followLogs: !json || watch !== undefined,
  });
}
