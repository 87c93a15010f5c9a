import { describe, expect, it } from 'vitest';
import { missingPackages, offeredOf } from '../../../scripts/debian-packages.mjs';
import * as hostCheck from '../../testbed/host-check.js';

const notIn =
  (...missing: string[]) =>
  (name: string): boolean =>
    !missing.includes(name);

const ENGINE = '/usr/sbin/dockerd';
const COMMAND = '/usr/bin/docker';

describe('what a virtual device needs of Debian', () => {
  it('is there, when all of it is', () => {
    expect(missingPackages(() => true)).toEqual([]);
  });

  it('includes the docker command, which has a package of its own since Debian 13', () => {
    const missing = missingPackages(notIn(ENGINE, COMMAND));
    expect(offeredOf(missing, () => true)).toEqual(['docker.io', 'docker-cli']);
    expect(offeredOf(missing, () => false)).toEqual(['docker.io']);
  });

  it('is asked of apt also where apt does not know it', () => {
    expect(offeredOf(['rsync', 'tmux'], () => false)).toEqual(['rsync', 'tmux']);
  });
});

describe('a host without the docker command', () => {
  it('is told of the package that has it', () => {
    expect(hostCheck.missingPackages(notIn('docker'))).toEqual(['docker-cli']);
  });

  it('and without an engine is told of the package that brings both on every Debian', () => {
    expect(hostCheck.missingPackages(notIn('docker', 'dockerd'))).toEqual(['docker.io']);
  });
});
