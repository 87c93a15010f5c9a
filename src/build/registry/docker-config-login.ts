import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { RdtError } from '../../errors.js';
import type { RegistryCredential, RegistryCredentials, RegistryLogin } from '../image-builder.js';
import { askCredentialHelper } from './credential-helper.js';
import { errorCode } from '../../system-error.js';

/** How the configuration of the docker client names Docker Hub (docker/cli `registry.IndexServer`). */
const DOCKER_HUB = 'https://index.docker.io/v1/';

/** The part of `~/.docker/config.json` that is about logins (docker/cli `configfile.ConfigFile`). */
interface DockerConfig {
  readonly auths?: Readonly<Record<string, AuthEntry>>;
  /** Helper for all registries; each entry of `auths` is then empty. */
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
}

interface AuthEntry {
  /** base64 of `user:password`. */
  readonly auth?: string;
  readonly identitytoken?: string;
}

/** Where the docker client keeps its logins: `$DOCKER_CONFIG` or `~/.docker`. */
export const dockerConfigFile = (env: Readonly<Record<string, string | undefined>>, home: string): string =>
  path.join(env['DOCKER_CONFIG'] ?? path.join(home, '.docker'), 'config.json');

/** What the user told `docker login`: from the file itself, or from the helper program that it names. */
export class DockerConfigLogin implements RegistryLogin {
  private config: Promise<DockerConfig> | undefined;

  constructor(private readonly file: string) {}

  async hasAny(): Promise<boolean> {
    const { auths = {}, credHelpers = {} } = await this.read();
    return Object.keys(auths).length + Object.keys(credHelpers).length > 0;
  }

  async credentialsFor(registries: readonly string[], signal?: AbortSignal): Promise<RegistryCredentials> {
    const config = await this.read();
    const found: Record<string, RegistryCredential> = {};
    for (const registry of registries) {
      const server = registry === 'docker.io' ? DOCKER_HUB : registry;
      const credential = await credentialOf(config, server, signal);
      if (credential !== undefined) found[server] = credential;
    }
    return found;
  }

  private read(): Promise<DockerConfig> {
    this.config ??= readConfig(this.file);
    return this.config;
  }
}

async function credentialOf(
  config: DockerConfig,
  server: string,
  signal: AbortSignal | undefined,
): Promise<RegistryCredential | undefined> {
  const entry = config.auths?.[server] ?? config.auths?.[`https://${server}`];
  const helper = config.credHelpers?.[server] ?? (entry === undefined ? undefined : config.credsStore);
  if (helper !== undefined) return askCredentialHelper(helper, server, signal);
  if (entry?.identitytoken !== undefined) return { identitytoken: entry.identitytoken };
  return entry?.auth === undefined ? undefined : decodeAuth(entry.auth);
}

function decodeAuth(auth: string): RegistryCredential | undefined {
  const [username = '', ...password] = Buffer.from(auth, 'base64').toString().split(':');
  return username === '' ? undefined : { username, password: password.join(':').replace(/\0+$/, '') };
}

/** Without what is of another kind than the docker client writes. */
function configOf(json: unknown): DockerConfig {
  const { auths, credHelpers, credsStore } = mapOf(json);
  return {
    auths: mapValues(mapOf(auths), (entry) => textsOf(mapOf(entry))),
    credHelpers: textsOf(mapOf(credHelpers)),
    ...textsOf({ credsStore }),
  };
}

const mapOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? { ...value } : {};

const textsOf = (map: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(map).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );

const mapValues = <T, R>(map: Readonly<Record<string, T>>, make: (value: T) => R): Record<string, R> =>
  Object.fromEntries(Object.entries(map).map(([key, value]) => [key, make(value)]));

async function readConfig(file: string): Promise<DockerConfig> {
  try {
    return configOf(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return {};
    throw new RdtError(`Cannot read the registry logins in ${file}.`, {
      hint: 'It has to be a JSON file that you may read; docker login writes a new one when it is moved away.',
      // A parse error quotes the text around it, which may be a secret.
      cause: error instanceof SyntaxError ? undefined : error,
    });
  }
}
