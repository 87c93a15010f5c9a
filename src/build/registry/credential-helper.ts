import { execFile } from 'node:child_process';
import { RdtError } from '../../errors.js';
import type { RegistryCredential } from '../image-builder.js';

/** A helper may ask its user for the key of a keyring, but not for ever. */
const HELPER_TIMEOUT_MS = 60_000;

/** What a helper gives as the name when the secret is a token (docker-credential-helpers). */
const TOKEN_USER = '<token>';

/**
 * Asks `docker-credential-<helper> get`, as the docker client does.
 * Undefined when the helper has nothing for this server, which it tells by its exit code.
 * @throws RdtError when the program is not there, cannot be run, or answers something else than a login.
 */
export async function askCredentialHelper(
  helper: string,
  server: string,
  signal: AbortSignal | undefined,
): Promise<RegistryCredential | undefined> {
  const program = `docker-credential-${helper}`;
  const answer = await runHelper(program, server, signal);
  if (answer === undefined) return undefined;
  const { Username: username, Secret: secret } = parseLogin(program, answer);
  return username === TOKEN_USER ? { identitytoken: secret } : { username, password: secret };
}

function runHelper(
  program: string,
  server: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const options = { timeout: HELPER_TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) };
    const child = execFile(program, ['get'], options, (error, stdout) => {
      if (error === null) resolve(stdout);
      else if (signal?.aborted === true) reject(signal.reason as Error);
      // Without a number it has not run.
      else if (typeof error.code === 'string') reject(noHelper(program, error.code, error));
      else resolve(undefined);
    });
    // A helper that ends without reading has said all it has to say; its exit code tells.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(server);
  });
}

function parseLogin(program: string, answer: string): { Username: string; Secret: string } {
  const parsed = parseJson(answer);
  if (typeof parsed !== 'object' || parsed === null) throw noLogin(program);
  return parsed as { Username: string; Secret: string };
}

/** Undefined for no JSON. What the parser says of it quotes the text, which may be a secret: no error may have it, not even as its cause. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const noLogin = (program: string): RdtError =>
  new RdtError(`The answer of ${program}, which keeps your registry logins, is no JSON object.`, {
    hint: 'Your docker config.json names it (credsStore or credHelpers); install another version of it, or log in without it.',
  });

const noHelper = (program: string, code: string, cause: unknown): RdtError =>
  new RdtError(`Cannot ${code === 'ENOENT' ? 'find' : 'run'} ${program}, which keeps your registry logins.`, {
    hint: 'Your docker config.json names it (credsStore or credHelpers); install it, or log in without it.',
    cause,
  });
