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
 * @throws RdtError when the program is not there, or cannot be run.
 */
export async function askCredentialHelper(
  helper: string,
  server: string,
  signal: AbortSignal | undefined,
): Promise<RegistryCredential | undefined> {
  const program = `docker-credential-${helper}`;
  const answer = await runHelper(program, server, signal);
  if (answer === undefined) return undefined;
  const { Username: username, Secret: secret } = JSON.parse(answer) as { Username: string; Secret: string };
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

const noHelper = (program: string, code: string, cause: unknown): RdtError =>
  new RdtError(`Cannot ${code === 'ENOENT' ? 'find' : 'run'} ${program}, which keeps your registry logins.`, {
    hint: 'Your docker config.json names it (credsStore or credHelpers); install it, or log in without it.',
    cause,
  });
