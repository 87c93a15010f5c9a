import inquirer from 'inquirer';
import { ExitCode, RdtError } from '../errors.js';
import type { Runtime } from '../runtime.js';

/**
 * What is typed is not shown. `isAgain` when the last answer was wrong.
 * @throws RdtError (exit code 130) when the person ends the prompt instead of answering.
 */
export async function askForPassphrase(
  { stdin, stderr, signal }: Runtime,
  keyFile: string,
  isAgain: boolean,
): Promise<string> {
  try {
    const ask = inquirer.createPromptModule({ input: stdin, output: stderr, signal });
    const message = isAgain ? `Wrong; the passphrase of ${keyFile}` : `Passphrase of ${keyFile}`;
    const { passphrase } = await ask<{ passphrase: string }>([
      { type: 'password', name: 'passphrase', message, mask: '*' },
    ]);
    return passphrase;
  } catch (error) {
    if (!(error instanceof Error && error.name === 'ExitPromptError')) throw error;
    throw new RdtError('no passphrase was given', { exitCode: ExitCode.interrupted, cause: error });
  }
}
