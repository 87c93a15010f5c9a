import { describe, expect, it } from 'vitest';
import { slugifyAppName } from '../../../src/project/app-name.js';
import { changesAfterPush } from '../../../src/project/project-changes.js';
import {
  defaultSettings,
  type GivenSettings,
  resolveSettings,
  type PushSettings,
} from '../../../src/project/settings.js';

const resolved = (flags: GivenSettings, file: GivenSettings): PushSettings =>
  resolveSettings(flags, file, defaultSettings, { source: '/home/anna/My App' });

describe('settings', () => {
  it('come from the flag, else from the file, else from the default, key by key', () => {
    const settings = resolved({ destination: '/flag' }, { destination: '/file', before: 'make' });
    expect(settings).toMatchObject({
      destination: '/flag',
      before: 'make',
      after: undefined,
      ignore: ['.git', 'node_modules/'],
    });
    expect(settings.origin).toMatchObject({
      destination: 'flag',
      before: 'file',
      after: 'default',
      ignore: 'default',
    });
  });

  it('replace a list by a list, also by an empty one', () => {
    expect(resolved({ ignore: ['a'] }, { ignore: ['b', 'c'] }).ignore).toEqual(['a']);
    expect(resolved({ ignore: [] }, { ignore: ['b'] }).ignore).toEqual([]);
  });

  it('can be switched off by a flag', () => {
    expect(resolved({ verbose: false }, { verbose: true }).verbose).toBe(false);
  });

  it('are not hidden by a flag that was not given', () => {
    const settings = resolved({ appName: undefined }, { appName: 'file' });
    expect(settings.appName).toBe('file');
    expect(settings.origin.appName).toBe('file');
  });

  it('name the app after the folder, and its data after the app', () => {
    const settings = resolved({}, {});
    expect(settings.appName).toBe('my-app');
    expect(settings.volumes[0]).toEqual({
      source: '/mnt/data/resin-data/my-app',
      target: '/data',
      options: [],
    });
    expect(resolved({ appName: 'x' }, {}).volumes[0]?.source).toBe('/mnt/data/resin-data/x');
  });

  it('describe the container of the original by default', () => {
    expect(resolved({}, {})).toMatchObject({
      privileged: true,
      network: 'host',
      tty: true,
      restartPolicy: { kind: 'always' },
    });
    expect(resolved({}, {}).volumes.map(({ source, target }) => `${source}:${target}`)).toEqual([
      '/mnt/data/resin-data/my-app:/data',
      '/lib/modules:/lib/modules',
      '/lib/firmware:/lib/firmware',
      '/run/dbus:/host/run/dbus',
    ]);
  });

  it('move an app with ports to a network that has ports, unless the network is given', () => {
    const ports = [{ containerPort: 80, hostPort: 80, hostIp: undefined, protocol: 'tcp' as const }];
    expect(resolved({}, { ports }).network).toBe('bridge');
    expect(resolved({}, { ports, network: 'host' }).network).toBe('host');
  });
});

describe("an app's name from a folder's", () => {
  it.each([
    ['My App', 'my-app'],
    ['Küche_2.0', 'kuche-2-0'],
    ['--x--', 'app-x'],
    ['日本', 'app-cf2abf0c'],
    ['проект', 'app-dfb992e6'],
    ['--', 'app-d8156bae'],
    [`${'a'.repeat(62)}-b`, 'a'.repeat(62)],
  ])('%j is %s', (folder, name) => {
    expect(slugifyAppName(folder)).toBe(name);
  });
});

describe('what a push leaves in the file', () => {
  it("is the app's name, the hashes, and what was given by flags", () => {
    const settings = resolved(
      { destination: '/a', environment: [{ name: 'A', value: 'b=c' }], verbose: false },
      { before: 'make' },
    );
    const changes = changesAfterPush(settings, new Map([['Dockerfile', 'h']]));
    expect(Object.keys(changes.top)).toEqual(['destination', 'verbose']);
    expect(changes.top['verbose']).toMatchObject({ kind: 'boolean', text: 'false' });
    expect(changes.app).toEqual({ environment: ['A=b=c'] });
    expect(changes.missing).toEqual({ 'app-name': 'my-app' });
    expect(changes.triggers).toEqual([{ path: 'Dockerfile', sha256: 'h' }]);
  });

  it.each<[string, GivenSettings]>([
    ['has some', { before: 'make', after: 'make clean' }],
    ['has none', {}],
  ])('is nothing of commands that are switched off by empty ones, where the file %s', (_, file) => {
    const settings = resolved({ before: '', after: ' ' }, file);
    expect(settings).toMatchObject({ before: undefined, after: undefined });
    expect(changesAfterPush(settings, new Map()).top).toEqual({});
  });

  it('remembers a listed trigger that does not exist, so that its appearing is noticed', () => {
    const changes = changesAfterPush(resolved({}, { buildTriggers: ['x'] }), new Map());
    expect(changes.triggers).toEqual([{ path: 'x', sha256: undefined }]);
  });

  it('is not a wish about one run', () => {
    expect(changesAfterPush(resolved({ skipLogs: true }, {}), new Map()).top).toEqual({});
  });

  it("keeps the engine's policy when a flag takes over the key that it had", () => {
    const settings = resolved(
      { afterSync: { kind: 'signal', signal: 'SIGHUP' } },
      { restartPolicy: { kind: 'on-failure', maximumRetries: 3 } },
    );
    expect(changesAfterPush(settings, new Map()).app).toEqual({
      restart: 'signal:HUP',
      'restart-policy': 'on-failure:3',
    });
  });
});
