import { readFile } from 'node:fs/promises';
import ssh2, { type ParsedKey } from 'ssh2';
import { ExitCode, RdtError } from '../../errors.js';
import { errorCode } from '../../system-error.js';
import { isEncryptedKey } from './private-key-text.js';

/** A private key on disk. `publicBlob` is undefined when it is encrypted and has no `.pub` file beside it. */
export type KeyFile =
  | { readonly kind: 'ready'; readonly path: string; readonly key: ParsedKey; readonly publicBlob: Buffer }
  | {
      readonly kind: 'encrypted';
      readonly path: string;
      readonly text: string;
      readonly publicBlob: Buffer | undefined;
    }
  | { readonly kind: 'unusable'; readonly path: string; readonly reason: string };

/** Undefined when there is no such file. */
export const readKeyFile = async (path: string): Promise<KeyFile | undefined> => {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = errorCode(error);
    return code === 'ENOENT' ? undefined : { kind: 'unusable', path, reason: code ?? 'cannot be read' };
  }
  if (isEncryptedKey(text))
    return { kind: 'encrypted', path, text, publicBlob: await publicBlobBeside(path) };
  const key = parsedKey(text);
  if (key === undefined) return { kind: 'unusable', path, reason: 'not a private key that rdt can read' };
  return { kind: 'ready', path, key, publicBlob: key.getPublicSSH() };
};

/** As `readKeyFile`, for a file that the user named: throws an `RdtError` (usage) when it cannot be used. */
export const readIdentity = async (path: string): Promise<KeyFile> => {
  const file = await readKeyFile(path);
  if (file !== undefined && file.kind !== 'unusable') return file;
  throw new RdtError(`Cannot use the identity ${path}: ${file?.reason ?? 'there is no such file'}.`, {
    exitCode: ExitCode.usage,
    hint: 'Name a private key file, such as one made by ssh-keygen.',
  });
};

/** Undefined when the passphrase is wrong. */
export const decryptKey = (text: string, passphrase: string): ParsedKey | undefined =>
  parsedKey(text, passphrase);

const parsedKey = (text: string, passphrase?: string): ParsedKey | undefined => {
  // Its type leaves out that files with several keys give a list.
  const parsed = ssh2.utils.parseKey(text, passphrase) as ParsedKey | ParsedKey[] | Error;
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  return key === undefined || key instanceof Error || !key.isPrivateKey() ? undefined : key;
};

const publicBlobBeside = async (path: string): Promise<Buffer | undefined> => {
  try {
    const parsed = ssh2.utils.parseKey(await readFile(`${path}.pub`, 'utf8'));
    return parsed instanceof Error ? undefined : parsed.getPublicSSH();
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return undefined;
  }
};
