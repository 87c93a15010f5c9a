import { isUtf8 } from 'node:buffer';
import { ExitCode, RdtError } from '../errors.js';
import type { BootFiles } from './boot-files.js';
import { CONFIG_FILE, CONNECTIONS_FOLDER, ETHERNET_PROFILE, WIFI_PROFILE } from './boot-paths.js';
import type { ConfigEdit, ConfigureSettings } from './configure-settings.js';
import { setJson, unsetJson } from './json-edit.js';
import { Keyfile } from './keyfile.js';
import { withEthernet, withWifi } from './keyfile-profile.js';
import { type Entry, knownEntries } from './masked-entries.js';
import type { AddressSettings, WifiSettings } from './network-settings.js';

/** One file of the boot partition that will be another one: created, changed, or removed. */
export type FileChange =
  | {
      readonly kind: 'write';
      readonly path: string;
      readonly before: Buffer | undefined;
      readonly after: Buffer;
    }
  | { readonly kind: 'remove'; readonly path: string; readonly before: Buffer };

/**
 * What has to change on a boot partition for `settings` to hold; empty when they do already. Reads only.
 * Throws an `RdtError` when settings do not fit what is there, such as a key for a network that nobody named.
 */
export async function planConfiguration(
  files: BootFiles,
  settings: ConfigureSettings,
): Promise<readonly FileChange[]> {
  const wanted = new Map<string, Buffer | 'removed'>();
  const config = settings.config.length > 0 ? await editConfig(files, settings.config) : undefined;
  if (config !== undefined) wanted.set(CONFIG_FILE, config);
  for (const [name, profile] of await planProfiles(files, settings)) {
    wanted.set(`${CONNECTIONS_FOLDER}/${name}`, profile);
  }
  for (const { name, content } of settings.connections) {
    const path = `${CONNECTIONS_FOLDER}/${name}`;
    // One file on FAT, whatever case its name has.
    if ([...wanted.keys()].some((other) => other.toLowerCase() === path.toLowerCase()))
      throw usage(`the profile ${name} is given both as a file and by options`);
    wanted.set(path, content);
  }
  const changes: FileChange[] = [];
  for (const [path, after] of wanted) changes.push(...(await toChange(files, path, after)));
  return changes;
}

/** Carries a plan out, one file after the other; each is old or new at any moment. A signal ends it between two files. */
export async function applyPlan(
  files: BootFiles,
  changes: readonly FileChange[],
  signal: AbortSignal,
): Promise<void> {
  for (const change of changes) {
    signal.throwIfAborted();
    if (change.kind === 'remove') await files.remove(change.path);
    else await files.replace(change.path, change.after);
  }
}

async function toChange(files: BootFiles, path: string, after: Buffer | 'removed'): Promise<FileChange[]> {
  const before = await files.read(path);
  if (after === 'removed') return before === undefined ? [] : [{ kind: 'remove', path, before }];
  return before?.equals(after) === true ? [] : [{ kind: 'write', path, before, after }];
}

/** Undefined when there is no file, and nothing to put into one. */
async function editConfig(files: BootFiles, edits: readonly ConfigEdit[]): Promise<Buffer | undefined> {
  const file = CONFIG_FILE.slice(1);
  const old = await readText(files, CONFIG_FILE);
  if (old === undefined && edits.every(({ kind }) => kind === 'unset')) return undefined;
  const text = edits.reduce(
    (current, edit) =>
      edit.kind === 'set'
        ? setJson(current, edit.path, edit.json, file)
        : unsetJson(current, edit.path, file),
    old ?? '{}\n',
  );
  return Buffer.from(text);
}

async function planProfiles(
  files: BootFiles,
  settings: ConfigureSettings,
): Promise<Map<string, Buffer | 'removed'>> {
  const profiles = new Map<string, Buffer | 'removed'>();
  const { wifi, address, ethernet } = settings;
  if (wifi.kind === 'list') await planNetworks(files, wifi.networks, profiles);
  const isOfWifi =
    address !== undefined &&
    (wifi.kind !== 'none' || (await files.read(`${CONNECTIONS_FOLDER}/${WIFI_PROFILE}`)) !== undefined);
  if (wifi.kind === 'one' || (wifi.kind === 'none' && isOfWifi)) {
    const one = wifi.kind === 'one' ? wifi.settings : {};
    profiles.set(WIFI_PROFILE, await planWifi(files, one, address));
  }
  const wired = ethernet ?? (isOfWifi ? undefined : address);
  if (wired !== undefined) {
    const old = (await readProfile(files, ETHERNET_PROFILE)) ?? Keyfile.empty();
    profiles.set(ETHERNET_PROFILE, toBuffer(withEthernet(old, wired, ETHERNET_PROFILE)));
  }
  return profiles;
}

/** All of a list, from scratch: what it does not say is not so. */
async function planNetworks(
  files: BootFiles,
  networks: readonly WifiSettings[],
  profiles: Map<string, Buffer | 'removed'>,
): Promise<void> {
  for (const [index, network] of networks.entries()) {
    const name = index === 0 ? WIFI_PROFILE : `${WIFI_PROFILE}-${index + 1}`;
    profiles.set(name, toBuffer(withWifi(Keyfile.empty(), network, name)));
  }
  for (const name of await ownWifiProfiles(files)) if (!profiles.has(name)) profiles.set(name, 'removed');
}

async function planWifi(
  files: BootFiles,
  settings: WifiSettings,
  address: AddressSettings | undefined,
): Promise<Buffer> {
  const old = (await readProfile(files, WIFI_PROFILE)) ?? Keyfile.empty();
  return toBuffer(withWifi(old, address === undefined ? settings : { ...settings, address }, WIFI_PROFILE));
}

/**
 * `resin-wifi` and `resin-wifi-2`, -3, ... that we made: they are called in `id` what their file is called. A profile that somebody
 * else gave such a name stays.
 */
async function ownWifiProfiles(files: BootFiles): Promise<string[]> {
  const found = (await files.list(CONNECTIONS_FOLDER)) ?? [];
  const names = found.map(({ name }) => name).filter((name) => /^resin-wifi(?:-\d+)?$/.test(name));
  const own: string[] = [];
  for (const name of names) {
    const entries = await readEntries(files, `${CONNECTIONS_FOLDER}/${name}`);
    const isOurs = entries.some(({ key, secret }) => key === 'connection.id' && secret === name);
    if (isOurs) own.push(name);
  }
  return own;
}

/** None for a file that is no keyfile. */
async function readEntries(files: BootFiles, path: string): Promise<readonly Entry[]> {
  return knownEntries(path, (await files.read(path)) ?? Buffer.alloc(0));
}

export async function readProfile(files: BootFiles, name: string): Promise<Keyfile | undefined> {
  const path = `${CONNECTIONS_FOLDER}/${name}`;
  const text = await readText(files, path);
  return text === undefined ? undefined : Keyfile.parse(text, path.slice(1));
}

/** Undefined for a missing file; throws an `RdtError` when it is not text. */
export async function readText(files: BootFiles, path: string): Promise<string | undefined> {
  const content = await files.read(path);
  if (content === undefined) return undefined;
  if (isUtf8(content)) return content.toString();
  throw new RdtError(`${path.slice(1)} on the boot partition is not UTF-8 text`, {
    hint: 'Nothing was changed. Repair the file first.',
  });
}

const toBuffer = (profile: Keyfile): Buffer => Buffer.from(profile.toString());

const usage = (message: string): RdtError => new RdtError(message, { exitCode: ExitCode.usage });
