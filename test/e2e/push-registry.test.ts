import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mustRun } from '../testbed/program.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { PushedApp } from './pushed-app.js';
import { type RdtResult, RunningRdt } from './rdt.js';

/** Engines speak plain HTTP with a registry on their own loopback. */
const REGISTRY = '127.0.0.1:5000';
const LOGIN = 'ann:s3cret:word';
const BASE = `${REGISTRY}/team/base:1`;
const dockerfileFrom = (image: string): string =>
  `FROM ${image}\nWORKDIR /usr/src/app\nCOPY . .\nCMD ["sh", "main.sh"]\n`;

let device: VirtualDevice;
let registry: RunningRdt;
let folder: string;
let app: PushedApp;

beforeAll(async () => {
  device = await VirtualDevice.up({ name: 'push-registry', announce: false, images: ['busybox'] });
  app = new PushedApp(device, 'private');
  folder = mkdtempSync(join(tmpdir(), 'rdt-registry-'));
  await app.docker('save', '--output', join(folder, 'image.tar'), 'busybox:latest');
  await mustRun(['tar', '-xf', join(folder, 'image.tar'), '-C', folder]);
  // Its layers have to come from the registry as well.
  await app.docker('rmi', 'busybox:latest');
  const program = fileURLToPath(new URL('registry/registry.mjs', import.meta.url));
  const inside = ['netns', 'exec', `rdt-${device.name}`, process.execPath, program, '5000', folder, LOGIN];
  registry = new RunningRdt(spawn('ip', inside, { stdio: 'pipe' }));
  await registry.until(/^listening$/m);
});
afterAll(async () => {
  registry.kill('SIGKILL');
  await registry.ended();
  rmSync(folder, { recursive: true });
  app[Symbol.dispose]();
  await device.down();
});
/** The base image has to come from the registry each time. */
beforeEach(async () => {
  await device.docker('rm', '--force', app.name);
  await device.docker('rmi', '--force', `${app.name}:latest`, BASE);
  registry.stdout = '';
  app.write('Dockerfile', dockerfileFrom(BASE));
});

const auth = (login: string): string => Buffer.from(login).toString('base64');

/** A push whose user has this docker configuration. */
function pushWith(config: object, env: Readonly<Record<string, string>> = {}): Promise<RdtResult> {
  const docker = join(app.rdt.home, '.docker');
  mkdirSync(docker, { recursive: true });
  writeFileSync(join(docker, 'config.json'), JSON.stringify(config));
  const args = ['push', device.address, '--app-name', app.name, '--skip-logs', '--force-build'];
  return app.rdt.run(args, { cwd: app.folder, env });
}

describe('a base image in a private registry', () => {
  it('is pulled with the login that docker login wrote', async () => {
    const { exitCode, stderr } = await pushWith({ auths: { [REGISTRY]: { auth: auth(LOGIN) } } });
    expect(exitCode, stderr).toBe(0);
    expect(registry.stdout).toMatch(/^200 GET \/v2\/team\/base\/blobs\//m);
    await app.expectInStep();
    expect(stderr).not.toContain('s3cret');
  });

  it('is pulled with the login that a credential helper gives', async () => {
    const helper = join(app.rdt.home, 'docker-credential-vault');
    const answer = JSON.stringify({ Username: 'ann', Secret: 's3cret:word' });
    writeFileSync(helper, `#!/bin/sh\nread server\n[ "$server" = ${REGISTRY} ] && echo '${answer}'\n`);
    chmodSync(helper, 0o755);
    const PATH = `${app.rdt.home}:${process.env['PATH'] ?? ''}`;
    const { exitCode, stderr } = await pushWith({ credHelpers: { [REGISTRY]: 'vault' } }, { PATH });
    expect(exitCode, stderr).toBe(0);
    await app.expectInStep();
  });

  it.each([
    ['without a login', {}],
    ['with a wrong password', { auths: { [REGISTRY]: { auth: auth('ann:guessed') } } }],
    ['with a login for another registry', { auths: { 'registry.example.com': { auth: auth(LOGIN) } } }],
  ])('is refused %s, in the line that names it', async (_what, config) => {
    const { exitCode, stderr } = await pushWith(config);
    expect(exitCode, stderr).toBe(5);
    expect(stderr).toContain(`Dockerfile:1: the base image ${BASE} is not on the device`);
    expect(stderr).toMatch(/docker login 127\.0\.0\.1:5000/);
    expect(stderr).not.toContain('guessed');
    expect(registry.stdout).not.toContain('200 ');
  });
});

describe('a base image in a public registry', () => {
  it('is pulled by BuildKit, which needs no login for it', async () => {
    app.write('Dockerfile', dockerfileFrom(`${REGISTRY}/public/base:1`));
    const { exitCode, stderr } = await pushWith({ auths: { 'registry.example.com': { auth: auth(LOGIN) } } });
    expect(exitCode, stderr).toBe(0);
    // Only BuildKit shows the digest.
    expect(stderr).toMatch(/\[1\/3\] FROM 127\.0\.0\.1:5000\/public\/base:1@sha256:/);
    expect(registry.stdout).toMatch(/^200 \w+ \/v2\/public\/base\/manifests\//m);
    await app.expectInStep();
  });
});
