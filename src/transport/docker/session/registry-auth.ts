import Pbf from 'pbf';
import type { RegistryCredentials } from '../../../build/image-builder.js';

/** How BuildKit names Docker Hub, and how `docker login` does. */
const HUB_HOST = 'registry-1.docker.io';
const HUB_LOGIN = 'https://index.docker.io/v1/';

/**
 * `moby.filesync.v1.Auth/Credentials`: `CredentialsRequest { 1 Host }` -> `CredentialsResponse { 1 Username, 2 Secret }`.
 * An empty answer means that nobody is logged in there.
 */
export function answerCredentials(request: Uint8Array, credentials: RegistryCredentials): Uint8Array {
  const { host } = new Pbf(request).readFields(
    (tag, found, pbf) => {
      if (tag === 1) found.host = pbf.readString();
    },
    { host: '' },
  );
  const server = host === HUB_HOST ? HUB_LOGIN : host;
  const login = Object.hasOwn(credentials, server) ? credentials[server] : undefined;
  const answer = new Pbf();
  if (login === undefined) return answer.finish();
  if ('username' in login) answer.writeStringField(1, login.username);
  answer.writeStringField(2, 'username' in login ? login.password : login.identitytoken);
  return answer.finish();
}
