import inquirer from 'inquirer';
import { ExitCode, RdtError } from '../errors.js';
import { parseAppName } from '../project/app-name.js';
import type { Runtime } from '../runtime.js';

/** @throws RdtError (exit code 130) when the person ends the prompt instead of answering. */
export async function askForAppName({ stdin, stderr, signal }: Runtime, proposal: string): Promise<string> {
  try {
    const ask = inquirer.createPromptModule({ input: stdin, output: stderr, signal });
    const answers = await ask<{ name: string }>([
      {
        type: 'input',
        name: 'name',
        message: 'Name of the app (one of that name on the device is replaced)',
        default: proposal,
        validate: (text: string) => {
          const parsed = parseAppName(text);
          return parsed.ok || `It ${parsed.reason}.`;
        },
      },
    ]);
    return answers.name;
  } catch (error) {
    if (!(error instanceof Error && error.name === 'ExitPromptError')) throw error;
    throw new RdtError('no name was given', { exitCode: ExitCode.interrupted, cause: error });
  }
}
