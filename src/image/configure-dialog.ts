import type { BootFiles } from './boot-files.js';
import { CONFIG_FILE, WIFI_PROFILE } from './boot-paths.js';
import { readProfile, readText } from './configure-plan.js';
import type { GivenSettings } from './given-settings.js';
import { findNode } from './json-edit.js';
import { parseJson } from './json-parse.js';
import { sectionOf } from './keyfile-profile.js';
import { decodeSsid } from './keyfile-values.js';
import { parseHostname } from './setting-values.js';

/** What is set now, as the questions offer it. */
export interface CurrentAnswers {
  /** '' for none; undefined for a network whose name is no text. */
  readonly ssid: string | undefined;
  readonly hasKey: boolean;
  readonly hostname: string;
  readonly persistentLogging: boolean;
}

export interface Answers {
  /** '' for no Wi-Fi; undefined to leave it as it is. */
  readonly ssid: string | undefined;
  /** '' keeps the key of the same network, and makes a new one open. */
  readonly key: string;
  /** '' for none. */
  readonly hostname: string;
  readonly persistentLogging: boolean;
}

/** Asks a person. Throws an `RdtError` when they decline; nothing is written then. */
export interface ConfigureDialog {
  ask(current: CurrentAnswers, signal: AbortSignal): Promise<Answers>;
}

export async function currentAnswers(files: BootFiles): Promise<CurrentAnswers> {
  const text = (await readText(files, CONFIG_FILE)) ?? '{}';
  const root = parseJson(text, CONFIG_FILE.slice(1));
  const hostname = findNode(root, ['hostname']);
  const logging = findNode(root, ['persistentLogging']);
  return {
    ...(await currentWifi(files)),
    // It comes from the medium, and is shown: what is no host name could steer the terminal.
    hostname: hostname?.kind === 'string' && parseHostname(hostname.value).ok ? hostname.value : '',
    persistentLogging: logging?.kind === 'literal' && logging.value === true,
  };
}

async function currentWifi(files: BootFiles): Promise<Pick<CurrentAnswers, 'ssid' | 'hasKey'>> {
  const profile = await readProfile(files, WIFI_PROFILE);
  const raw = profile?.get(sectionOf(profile, 'wifi'), 'ssid');
  if (profile === undefined || raw === undefined) return { ssid: '', hasKey: false };
  const ssid = decodeSsid(raw)?.toString();
  const hasKey = profile.get(sectionOf(profile, 'wifi-security'), 'psk') !== undefined;
  return { ssid: ssid === undefined || /[\p{Cc}\ufffd]/u.test(ssid) ? undefined : ssid, hasKey };
}

/** Only what a person changed: an answer that was taken over changes nothing. */
export function givenAnswers(answers: Answers, current: CurrentAnswers): GivenSettings {
  const { ssid, key, hostname, persistentLogging } = answers;
  const isNewNetwork = ssid !== undefined && ssid !== '' && ssid !== current.ssid;
  const wifi = {
    ...(isNewNetwork && { ssid: Buffer.from(ssid) }),
    ...(key !== '' && { key: { kind: 'text', text: key } as const }),
    ...(isNewNetwork && key === '' && { security: 'open' as const }),
  };
  return {
    ...(Object.keys(wifi).length > 0 && { wifi }),
    ...(hostname !== '' && hostname !== current.hostname && { hostname }),
    ...(persistentLogging !== current.persistentLogging && { persistentLogging }),
  };
}
