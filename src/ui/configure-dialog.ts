import inquirer from 'inquirer';
import { RdtError } from '../errors.js';
import type { Answers, ConfigureDialog, CurrentAnswers } from '../image/configure-dialog.js';
import { parseHostname, parseSsid, parseWifiKey } from '../image/setting-values.js';
import type { Parsed } from '../project/parsed.js';
import type { Runtime } from '../runtime.js';

/** Questions on stderr, so that stdout stays for results. The key is not shown while it is typed. */
export class ConfigureTerminalDialog implements ConfigureDialog {
  constructor(readonly runtime: Pick<Runtime, 'stdin' | 'stderr'>) {}

  async ask(current: CurrentAnswers, signal: AbortSignal): Promise<Answers> {
    const { stdin, stderr } = this.runtime;
    const prompt: Prompt = inquirer.createPromptModule({ input: stdin, output: stderr, signal });
    try {
      const ssid = await this.#askSsid(prompt, current);
      const key = await this.#askKey(prompt, ssid, current);
      const { hostname, persistentLogging } = await prompt<Pick<Answers, 'hostname' | 'persistentLogging'>>([
        {
          type: 'input',
          name: 'hostname',
          message: 'Host name',
          default: current.hostname,
          validate: orEmpty(parseHostname),
        },
        {
          type: 'confirm',
          name: 'persistentLogging',
          message: 'Keep the journal over reboots?',
          default: current.persistentLogging,
        },
      ]);
      return { ssid, key, hostname, persistentLogging };
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Error && error.name === 'ExitPromptError')) throw error;
      throw new RdtError('declined: nothing was written', { cause: error });
    }
  }

  async #askSsid(prompt: Prompt, current: CurrentAnswers): Promise<string | undefined> {
    const message = `Wi-Fi network${hintOfEmpty(current)}`;
    const { ssid } = await prompt<{ ssid: string }>([
      { type: 'input', name: 'ssid', message, default: current.ssid ?? '', validate: orEmpty(parseSsid) },
    ]);
    return ssid === '' && current.ssid === undefined ? undefined : ssid;
  }

  async #askKey(prompt: Prompt, ssid: string | undefined, current: CurrentAnswers): Promise<string> {
    if (ssid === undefined || ssid === '') return '';
    const keeps = ssid === current.ssid && current.hasKey;
    const message = `Wi-Fi key (empty: ${keeps ? 'keep the one that is set' : 'open network'})`;
    const { key } = await prompt<{ key: string }>([
      {
        type: 'password',
        name: 'key',
        message,
        mask: false,
        validate: orEmpty((text) => parseWifiKey(text, 'wpa-psk')),
      },
    ]);
    return key;
  }
}

const hintOfEmpty = ({ ssid }: CurrentAnswers): string =>
  ssid === undefined ? ' (empty: leave it as it is)' : ssid === '' ? ' (empty: none)' : '';

type Prompt = ReturnType<typeof inquirer.createPromptModule<never>>;

const orEmpty =
  (parse: (text: string) => Parsed<unknown>) =>
  (text: string): true | string => {
    const parsed = text === '' ? undefined : parse(text);
    return parsed === undefined || parsed.ok ? true : `It ${parsed.reason}.`;
  };
