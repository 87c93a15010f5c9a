import { describe, expect, it } from 'vitest';
import { defaultSettings, type GivenSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import type { ContainerSpec } from '../../../src/transport/engine.js';

const specOf = (given: GivenSettings): ContainerSpec =>
  containerSpec(resolveSettings({ appName: 'app', ...given }, {}, defaultSettings, { source: '/src' }));

const port = { containerPort: 80, hostPort: 8080, hostIp: undefined, protocol: 'tcp' } as const;

describe('the container that the settings describe', () => {
  it('is the original’s where nothing is given', () => {
    const { Cmd, ExposedPorts, HostConfig, ...spec } = specOf({});
    expect(spec).toMatchObject({ Image: 'app', Env: [], Tty: true });
    expect([Cmd, ExposedPorts]).toEqual([undefined, undefined]);
    expect(HostConfig).toEqual({
      Privileged: true,
      NetworkMode: 'host',
      RestartPolicy: { Name: 'always' },
      Binds: [
        '/mnt/data/resin-data/app:/data',
        '/lib/modules:/lib/modules',
        '/lib/firmware:/lib/firmware',
        '/run/dbus:/host/run/dbus',
      ],
      Devices: [],
    });
  });

  it.each<[string, GivenSettings, object]>([
    ['a command', { command: ['sh', 'other.sh'] }, { Cmd: ['sh', 'other.sh'] }],
    [
      'variables',
      {
        environment: [
          { name: 'A', value: '1=2' },
          { name: 'EMPTY', value: '' },
        ],
      },
      { Env: ['A=1=2', 'EMPTY='] },
    ],
    ['no terminal', { tty: false }, { Tty: false }],
    ['no rights', { privileged: false }, { HostConfig: { Privileged: false } }],
    ['a network', { network: 'none' }, { HostConfig: { NetworkMode: 'none' } }],
    [
      'a policy without a limit',
      { restartPolicy: { kind: 'on-failure', maximumRetries: undefined } },
      { HostConfig: { RestartPolicy: { Name: 'on-failure' } } },
    ],
    [
      'a policy with a limit',
      { restartPolicy: { kind: 'on-failure', maximumRetries: 3 } },
      { HostConfig: { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } } },
    ],
    [
      'a port',
      { ports: [port] },
      {
        ExposedPorts: { '80/tcp': {} },
        HostConfig: { NetworkMode: 'bridge', PortBindings: { '80/tcp': [{ HostPort: '8080' }] } },
      },
    ],
    [
      'a port in two places, one of them for the engine to choose',
      {
        ports: [
          { ...port, hostIp: '127.0.0.1' },
          { ...port, hostPort: undefined },
        ],
      },
      {
        HostConfig: {
          PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }, { HostPort: '' }] },
        },
      },
    ],
    [
      'volumes in the place of the usual ones',
      {
        volumes: [
          { source: 'data', target: '/var/data', options: [] },
          { source: '/etc', target: '/host/etc', options: ['ro', 'z'] },
        ],
      },
      { HostConfig: { Binds: ['data:/var/data', '/etc:/host/etc:ro,z'] } },
    ],
    [
      'a device',
      { devices: [{ hostPath: '/dev/i2c-1', containerPath: '/dev/bus', permissions: 'rw' }] },
      {
        HostConfig: {
          Devices: [{ PathOnHost: '/dev/i2c-1', PathInContainer: '/dev/bus', CgroupPermissions: 'rw' }],
        },
      },
    ],
  ])('has %s', (_what, given, expected) => {
    expect(specOf(given)).toMatchObject(expected);
  });
});
