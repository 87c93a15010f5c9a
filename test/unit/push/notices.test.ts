import { expect, it } from 'vitest';
import { noticesOfVolumes } from '../../../src/push/notices.js';

const volume = (destination: string) => ({
  destination,
  source: `/var/lib/docker/volumes${destination}`,
  type: 'volume',
  writable: true,
  volumeName: 'f'.repeat(64),
});

it('volumes at the destination and below it are told of, for what a new image has there', () => {
  const paths = ['/usr/src/app', '/usr/src/app/node_modules', '/usr/src/apps', '/var/lib/postgresql'];
  expect(noticesOfVolumes(paths.map(volume), '/usr/src/app')).toEqual([
    '/usr/src/app is a volume and keeps what it holds; what the new image has there is not used',
    '/usr/src/app/node_modules is a volume and keeps what it holds; what the new image has there is not used',
  ]);
});

it('volumes where a link at the destination leads to are told of by their own name', () => {
  const paths = ['/srv/app/deps', '/app/cache', '/store'];
  expect(noticesOfVolumes(paths.map(volume), '/app', '/srv/app')).toEqual([
    '/srv/app/deps is a volume and keeps what it holds; what the new image has there is not used',
    '/app/cache is a volume and keeps what it holds; what the new image has there is not used',
  ]);
});
