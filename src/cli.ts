import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import type { CommandDeps } from './commands/command-deps.js';
import { configureCommand } from './commands/configure.js';
import { flashCommand } from './commands/flash.js';
import { knownHostsCommand } from './commands/known-hosts.js';
import { logsCommand } from './commands/logs.js';
import { pushCommand } from './commands/push.js';
import { scanCommand } from './commands/scan.js';
import { sshCommand } from './commands/ssh.js';

/** The whole command line. Commands declare their options here; what they do is imported when they run. */
export function buildProgram(deps: CommandDeps): Command {
  const program = new Command('rdt')
    .description('Flash, configure, push to, and look into container devices on your own network.')
    .version(packageVersion(), '-V, --version')
    .showHelpAfterError('(rdt --help and rdt <command> --help list what there is)')
    .enablePositionalOptions()
    .helpCommand(false);
  for (const command of commands(deps)) program.addCommand(command);
  program.addCommand(helpCommand(program));
  return quietExits(program, deps);
}

function commands(deps: CommandDeps): Command[] {
  return [
    configureCommand(deps),
    flashCommand(deps),
    knownHostsCommand(deps),
    logsCommand(deps),
    pushCommand(deps),
    scanCommand(deps),
    sshCommand(deps),
  ];
}

/** commander's own shows the general help for a command that is not there. */
function helpCommand(program: Command): Command {
  return new Command('help')
    .description('display help for command')
    .argument('[command]')
    .allowExcessArguments()
    .action(async (name: string | undefined) => {
      if (name === undefined) program.help();
      const command = program.commands.find((candidate) => candidate.name() === name);
      if (command !== undefined) command.help();
      const { nearestKey } = await import('./project/nearest-key.js');
      const known = program.commands.map((candidate) => candidate.name());
      const guess = nearestKey(name, known);
      const hint = guess === undefined ? '' : `\n(Did you mean ${guess}?)`;
      program.error(`error: unknown command '${name}'${hint}`, { code: 'commander.unknownCommand' });
    });
}

/** commander ends the process by itself unless told otherwise, for each command anew. */
function quietExits(command: Command, deps: CommandDeps): Command {
  command.exitOverride().configureOutput({
    writeOut: (text) => deps.runtime.stdout.write(text),
    writeErr: (text) => deps.runtime.stderr.write(text),
  });
  for (const child of command.commands) quietExits(child, deps);
  return command;
}

function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}
