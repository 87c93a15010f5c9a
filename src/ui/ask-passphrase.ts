import inquirer from 'inquirer';
import type { Runtime } from '../runtime.js';

/** Undefined when the person ends the prompt instead of answering. What is typed is not shown. */
export async function askForPassphrase(
  { stdin, stderr, signal }: Runtime,
  keyFile: string,
): Promise<string | undefined> {
  try {
    const ask = inquirer.createPromptModule({ input: stdin, output: stderr, signal });
    const { passphrase } = await ask<{ passphrase: string }>([
      { type: 'password', name: 'passphrase', message: `Passphrase of ${keyFile}`, mask: '*' },
    ]);
    return passphrase;
  } catch (error) {
    if (error instanceof Error && error.name === 'ExitPromptError') return undefined;
    throw error;
  }
}
