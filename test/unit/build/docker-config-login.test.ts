import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DockerConfigLogin, dockerConfigFile } from '../../../src/build/registry/docker-config-login.js';
import { RdtError } from '../../../src/errors.js';
import { temporaryFolder } from './temporary-folder.js';

const HUB = 'https://index.docker.io/v1/';
const auth = (text: string) => ({ auth: Buffer.from(text).toString('base64') });

function loginWith(config: unknown): DockerConfigLogin {
  const text = typeof config === 'string' ? config : JSON.stringify(config);
  return new DockerConfigLogin(path.join(temporaryFolder({ 'config.json': text }), 'config.json'));
}

/** A helper of this name on the PATH, which knows one server; a string is printed as it is. */
function installHelper(name: string, server: string, answer: object | string): void {
  const folder = temporaryFolder();
  const printed = typeof answer === 'string' ? answer : JSON.stringify(answer);
  const script = `#!/bin/sh\nread -r asked\n[ "$1 $asked" = "get ${server}" ] || { echo not found; exit 1; }\necho '${printed}'\n`;
  writeFileSync(path.join(folder, `docker-credential-${name}`), script);
  chmodSync(path.join(folder, `docker-credential-${name}`), 0o755);
  vi.stubEnv('PATH', `${folder}:${process.env['PATH'] ?? ''}`);
}

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('the logins of the docker client', () => {
  it('are read from its configuration, for the registries asked for', async () => {
    const login = loginWith({
      auths: { 'host:5000': auth('anna:a:b'), [HUB]: auth('hub:x'), other: auth('no:no') },
    });
    expect(await login.credentialsFor(['host:5000', 'docker.io', 'unknown'])).toEqual({
      'host:5000': { username: 'anna', password: 'a:b' },
      [HUB]: { username: 'hub', password: 'x' },
    });
  });

  it('may be tokens', async () => {
    const login = loginWith({ auths: { host: { ...auth('anna:'), identitytoken: 'T' } } });
    expect(await login.credentialsFor(['host'])).toEqual({ host: { identitytoken: 'T' } });
  });

  it.each([
    { auths: null },
    { auths: [], credHelpers: null, credsStore: 1 },
    { auths: { host: null } },
    { auths: { host: { auth: 1, identitytoken: {} } }, credHelpers: 'x' },
    null,
    [],
  ])('are none where the configuration has something else in their place: %j', async (config) => {
    const login = loginWith(config);
    await login.hasAny();
    expect(await login.credentialsFor(['host', 'docker.io'])).toEqual({});
  });

  it('are none without a configuration', async () => {
    const login = new DockerConfigLogin(path.join(temporaryFolder(), 'none', 'config.json'));
    expect(await login.hasAny()).toBe(false);
    expect(await login.credentialsFor(['host'])).toEqual({});
  });

  it('are kept out of the error when the configuration is broken', async () => {
    const failure = await loginWith('{"auths": {"host": {"auth": "c2VjcmV0"')
      .hasAny()
      .catch((e: unknown) => e);
    expect(failure).toMatchObject({
      message: expect.stringContaining('Cannot read the registry logins') as string,
    });
    expect((failure as Error).cause).toBeUndefined();
  });

  it.skipIf(process.platform === 'win32')(
    'are asked of the helper that the configuration names',
    async () => {
      installHelper('keyring', HUB, { ServerURL: HUB, Username: 'anna', Secret: 'geheim' });
      const store = loginWith({ auths: { [HUB]: {} }, credsStore: 'keyring' });
      expect(await store.hasAny()).toBe(true);
      expect(await store.credentialsFor(['docker.io', 'host'])).toEqual({
        [HUB]: { username: 'anna', password: 'geheim' },
      });
      installHelper('cloud', 'host', { Username: '<token>', Secret: 'T' });
      const one = loginWith({ credHelpers: { host: 'cloud', other: 'cloud' } });
      expect(await one.credentialsFor(['host', 'other'])).toEqual({ host: { identitytoken: 'T' } });
    },
  );

  it('need the helper that the configuration names', async () => {
    // Others may have folders on it that this user may not look into, which is another error.
    vi.stubEnv('PATH', '/usr/bin:/bin');
    const login = loginWith({ credHelpers: { host: 'nowhere' } });
    await expect(login.credentialsFor(['host'])).rejects.toThrow('Cannot find docker-credential-nowhere');
  });

  it.skipIf(process.platform === 'win32')('need a helper that can be run', async () => {
    installHelper('locked', HUB, {});
    chmodSync(path.join(process.env['PATH']?.split(':')[0] ?? '', 'docker-credential-locked'), 0o644);
    const login = loginWith({ credHelpers: { host: 'locked' } });
    await expect(login.credentialsFor(['host'])).rejects.toThrow('Cannot run docker-credential-locked');
  });

  it.skipIf(process.platform === 'win32').each(['geheim', '{"Secret":"geheim"', '"geheim"', 'null'])(
    'are kept out of the error when the helper answers %s',
    async (answer) => {
      installHelper('chatty', HUB, answer);
      const login = loginWith({ auths: { [HUB]: {} }, credsStore: 'chatty' });
      const failure = await login.credentialsFor(['docker.io']).catch((e: unknown) => e);
      expect(failure).toBeInstanceOf(RdtError);
      expect((failure as RdtError).message).toContain('docker-credential-chatty');
      expect(inspect(failure, { depth: null })).not.toContain('geheim');
      expect((failure as Error).cause).toBeUndefined();
    },
  );

  it('lie where the docker client looks for them', () => {
    expect(dockerConfigFile({}, '/home/anna')).toBe(path.join('/home/anna', '.docker', 'config.json'));
    expect(dockerConfigFile({ DOCKER_CONFIG: '/etc/d' }, '/home/anna')).toBe(
      path.join('/etc/d', 'config.json'),
    );
  });
});
