import { join } from 'node:path';
import ssh2, { type BaseAgent, type ParsedKey } from 'ssh2';
import { fingerprint, hostKeyOf } from '../known-hosts.js';
import { type KeyFile, decryptKey, readIdentity, readKeyFile } from './key-file.js';
import { ListedAgent, type WhileAPersonThinks } from './listed-agent.js';

const DEFAULT_KEYS = ['id_ed25519', 'id_ecdsa', 'id_rsa'];
const PASSPHRASE_TRIES = 3;

export interface KeySources {
  /** Key files that the user named: then no others are used, and of the agent only these. */
  readonly identity: readonly string[];
  /** Where `.ssh` is; undefined when unknown. */
  readonly home: string | undefined;
  /** `SSH_AUTH_SOCK`. */
  readonly agentSocket: string | undefined;
  /** Asks a person, `isAgain` when the last answer was wrong; undefined when nobody is there. The key is not used after an empty answer. */
  readonly askPassphrase: ((keyFile: string, isAgain: boolean) => Promise<string>) | undefined;
}

/** `label` is for messages; the agent's keys are noted when it lists them. */
export type Credential =
  | { readonly kind: 'none'; readonly label: string }
  | { readonly kind: 'agent'; readonly agent: BaseAgent }
  | { readonly kind: 'key'; readonly label: string; readonly key: ParsedKey }
  | { readonly kind: 'empty-password'; readonly label: string };

/**
 * What to show a server, in order: nothing (development images let root in), the agent's keys, key files, those that need a
 * passphrase, an empty password. Keeps account of it for the message of a failure; holds no secret in it.
 */
export class Credentials {
  /** Words such as `~/.ssh/id_rsa (ssh-rsa SHA256:...)`. */
  readonly tried: string[] = [];
  readonly skipped: string[] = [];
  private readonly agentBlobs: Buffer[] = [];

  constructor(
    private readonly sources: KeySources,
    private readonly onTried: (label: string) => void = () => undefined,
    private readonly whileAPersonThinks: WhileAPersonThinks = (think) => think(),
  ) {}

  noteTried(label: string): void {
    this.tried.push(label);
    this.onTried(label);
  }

  /** Throws an `RdtError` (usage) when a key file that the user named cannot be used. */
  async *offers(): AsyncGenerator<Credential, undefined> {
    yield { kind: 'none', label: 'no password' };
    const files = await this.keyFiles();
    yield* this.agentOffer(files);
    for (const file of files) {
      if (file.kind === 'ready' && !this.isInAgent(file)) yield keyOffer(file.path, file.key);
      if (file.kind === 'unusable') this.skipped.push(`${file.path} (${file.reason})`);
    }
    for (const file of files) {
      if (file.kind !== 'encrypted' || this.isInAgent(file)) continue;
      const key = await this.decrypted(file.path, file.text);
      if (key !== undefined) yield keyOffer(file.path, key);
    }
    yield { kind: 'empty-password', label: 'an empty password' };
    return undefined;
  }

  private async keyFiles(): Promise<KeyFile[]> {
    const { identity, home } = this.sources;
    if (identity.length > 0) return Promise.all(identity.map(readIdentity));
    if (home === undefined) return [];
    const found = await Promise.all(DEFAULT_KEYS.map((name) => readKeyFile(join(home, '.ssh', name))));
    return found.filter((file) => file !== undefined);
  }

  private *agentOffer(files: readonly KeyFile[]): Generator<Credential> {
    const { agentSocket, identity } = this.sources;
    if (agentSocket === undefined || agentSocket === '') return;
    const isMeant = (key: ParsedKey) =>
      identity.length === 0 ||
      files.some((file) => file.kind !== 'unusable' && file.publicBlob?.equals(key.getPublicSSH()) === true);
    const isOffered = (key: ParsedKey) => {
      if (!isMeant(key)) return false;
      this.agentBlobs.push(key.getPublicSSH());
      this.noteTried(`ssh-agent's ${describeKey(key)}`);
      return true;
    };
    const onSilent = () => this.skipped.push('ssh-agent (it does not answer)');
    const agent = ssh2.createAgent(agentSocket);
    yield { kind: 'agent', agent: new ListedAgent(agent, isOffered, onSilent, this.whileAPersonThinks) };
  }

  private isInAgent(file: KeyFile): boolean {
    if (file.kind === 'unusable' || file.publicBlob === undefined) return false;
    const { publicBlob } = file;
    return this.agentBlobs.some((blob) => blob.equals(publicBlob));
  }

  private async decrypted(path: string, text: string): Promise<ParsedKey | undefined> {
    const ask = this.sources.askPassphrase;
    let reason = 'needs a passphrase: add it with ssh-add';
    for (let tries = 0; ask !== undefined && tries < PASSPHRASE_TRIES; tries += 1) {
      const passphrase = await ask(path, tries > 0);
      if (passphrase === '') break;
      const key = decryptKey(text, passphrase);
      if (key !== undefined) return key;
      reason = 'its passphrase was wrong';
    }
    this.skipped.push(`${path} (${reason})`);
    return undefined;
  }
}

const keyOffer = (path: string, key: ParsedKey): Credential => ({
  kind: 'key',
  label: `${path} (${describeKey(key)})`,
  key,
});

const describeKey = (key: ParsedKey): string => `${key.type} ${fingerprint(hostKeyOf(key.getPublicSSH()))}`;
