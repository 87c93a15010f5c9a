import { isUtf8 } from 'node:buffer';
import { RdtError } from '../errors.js';
import type { BootFiles } from './boot-files.js';
import { CONFIG_FILE, CONNECTIONS_FOLDER } from './boot-paths.js';
import { type Entry, entriesOf, maskedJson } from './masked-entries.js';

/** What is set on a boot partition, with all secrets masked. */
export interface Configuration {
  /** Values are JSON. Undefined when there is no config.json. */
  readonly config: readonly ShownEntry[] | undefined;
  /** The same as one JSON text. */
  readonly configJson: string | undefined;
  readonly connections: readonly ShownConnection[];
}

export type ShownEntry = Pick<Entry, 'key' | 'shown'>;

export interface ShownConnection {
  readonly name: string;
  /** The devices leave out what ends with `.ignore`. */
  readonly isActive: boolean;
  readonly entries: readonly ShownEntry[];
  /** Why nothing of it can be shown. */
  readonly problem: string | undefined;
}

/** Throws an `RdtError` with the place when config.json is not valid. */
export async function readConfiguration(files: BootFiles): Promise<Configuration> {
  const config = await files.read(CONFIG_FILE);
  const names = ((await files.list(CONNECTIONS_FOLDER)) ?? []).filter(({ kind }) => kind === 'file');
  const connections: ShownConnection[] = [];
  for (const { name } of names) connections.push(await readConnection(files, name));
  return {
    config: config && entriesOf(CONFIG_FILE, config).map(toShown),
    configJson: config && maskedJson(config.toString(), CONFIG_FILE.slice(1)),
    connections,
  };
}

async function readConnection(files: BootFiles, name: string): Promise<ShownConnection> {
  const path = `${CONNECTIONS_FOLDER}/${name}`;
  const isActive = !name.endsWith('.ignore');
  try {
    const content = (await files.read(path)) ?? Buffer.alloc(0);
    if (!isUtf8(content)) throw new RdtError(`${path.slice(1)}: is not UTF-8 text`);
    return { name, isActive, entries: entriesOf(path, content).map(toShown), problem: undefined };
  } catch (error) {
    if (!(error instanceof RdtError)) throw error;
    return { name, isActive, entries: [], problem: error.message };
  }
}

const toShown = ({ key, shown }: Entry): ShownEntry => ({ key, shown });

export function renderConfiguration(configuration: Configuration): string[] {
  const { config, connections } = configuration;
  return [
    `config.json${config === undefined ? ' (missing)' : ''}`,
    ...(config ?? []).map(renderEntry),
    ...connections.flatMap(({ name, isActive, entries, problem }) => [
      `system-connections/${name}${isActive ? '' : ' (not used)'}`,
      ...(problem === undefined ? entries.map(renderEntry) : [`  ${problem}`]),
    ]),
  ];
}

const renderEntry = ({ key, shown }: ShownEntry): string => `  ${key}: ${shown}`;
