import { describe, expect, it } from 'vitest';
import { parseAppName } from '../../../src/project/app-name.js';
import { splitCommand } from '../../../src/project/command-words.js';
import { parseDevice } from '../../../src/project/devices.js';
import { parseDurationMs } from '../../../src/project/duration.js';
import { parseEnvironmentEntry } from '../../../src/project/environment.js';
import { parseNetwork } from '../../../src/project/network.js';
import type { Parsed } from '../../../src/project/parsed.js';
import { parseDestination, parseIgnorePattern, parseTriggerPath } from '../../../src/project/paths.js';
import { parsePorts } from '../../../src/project/ports.js';
import { parseRestart } from '../../../src/project/restart.js';
import { parseVolume } from '../../../src/project/volumes.js';

const reasonOf = (parsed: Parsed<unknown>): string =>
  parsed.ok ? `accepted ${JSON.stringify(parsed.value)}` : parsed.reason;
const valueOf = <T>(parsed: Parsed<T>): T | string => (parsed.ok ? parsed.value : parsed.reason);

describe('an app name', () => {
  it.each(['ab', '00', 'my-app-2', '2048', 'x'.repeat(128)])('may be %s', (name) =>
    expect(valueOf(parseAppName(name))).toBe(name),
  );
  it.each(['', 'A', 'a_b', '-a', 'a-', 'a--b', 'a/b', 'a\n'])('may not be %j', (name) => {
    expect(reasonOf(parseAppName(name))).toMatch(/^must be lower-case/);
  });
  it.each(['a', '7', 'x'.repeat(129)])('may not be as short or long as %s', (name) => {
    expect(reasonOf(parseAppName(name))).toBe(`must have 2 to 128 characters, not ${name.length}`);
  });
});

describe('a destination', () => {
  it.each([
    ['/usr/src/app/', '/usr/src/app'],
    ['/a//b/./c/..', '/a/b'],
  ])('%s is %s', (text, path) => expect(valueOf(parseDestination(text))).toBe(path));
  it.each([
    ['', /absolute/],
    ['app', /absolute/],
    ['C:\\app', /absolute/],
    ['/', /must not be \//],
    ['//', /must not be \//],
    ['/usr/..', /must not be \//],
    ['/../', /must not be \//],
    ['/proc/1', /kernel/],
    ['/a\0b', /control/],
    ['/a\nb', /control/],
  ])('may not be %j', (text, reason) => expect(reasonOf(parseDestination(text))).toMatch(reason));
});

describe('a build trigger', () => {
  it.each([
    ['a/b.txt', 'a/b.txt'],
    ['./a', 'a'],
    ['a/../b', 'b'],
    ['..a', '..a'],
    ['a b', 'a b'],
  ])('%s is %s', (text, path) => expect(valueOf(parseTriggerPath(text))).toBe(path));
  it.each([
    ['', /empty/],
    ['/etc/passwd', /relative/],
    ['C:/x', /relative/],
    ['..', /outside/],
    ['../x', /outside/],
    ['a/../../x', /outside/],
    ['.', /itself/],
    ['a\tb', /control/],
  ])('may not be %j', (text, reason) => expect(reasonOf(parseTriggerPath(text))).toMatch(reason));
});

describe('a pattern to ignore', () => {
  it.each(['.git', 'node_modules/', '/lib', '!keep', '**/x', '*.log', '..x'])('may be %s', (text) => {
    expect(valueOf(parseIgnorePattern(text))).toBe(text);
  });
  it.each(['', ' ', '..', '../x', '/../x', '!../x', 'a/../../b', 'C:\\x', 'a\nb'])(
    'may not be %j',
    (text) => {
      expect(parseIgnorePattern(text).ok).toBe(false);
    },
  );
});

describe('a variable', () => {
  it('has everything after the first equals sign as its value', () => {
    expect(valueOf(parseEnvironmentEntry('A=b=c d'))).toEqual({ name: 'A', value: 'b=c d' });
    expect(valueOf(parseEnvironmentEntry('A='))).toEqual({ name: 'A', value: '' });
  });
  it.each(['hunter2', '=hunter2', 'A B=hunter2', 'A=hunter2\0'])(
    'is refused without showing its value: %j',
    (text) => {
      const reason = reasonOf(parseEnvironmentEntry(text));
      expect(parseEnvironmentEntry(text).ok).toBe(false);
      expect(reason).not.toContain('hunter2');
    },
  );
});

describe('a port', () => {
  const port = { hostIp: undefined, hostPort: undefined, protocol: 'tcp' };
  it.each([
    ['80', [{ ...port, containerPort: 80 }]],
    ['8080:80', [{ ...port, containerPort: 80, hostPort: 8080 }]],
    ['53:53/udp', [{ ...port, containerPort: 53, hostPort: 53, protocol: 'udp' }]],
    ['127.0.0.1:8080:80', [{ ...port, containerPort: 80, hostPort: 8080, hostIp: '127.0.0.1' }]],
    ['127.0.0.1::80', [{ ...port, containerPort: 80, hostIp: '127.0.0.1' }]],
    ['[::1]:1:2', [{ ...port, containerPort: 2, hostPort: 1, hostIp: '::1' }]],
    [
      '1-2:11-12',
      [
        { ...port, containerPort: 11, hostPort: 1 },
        { ...port, containerPort: 12, hostPort: 2 },
      ],
    ],
  ])('%s', (text, ports) => expect(valueOf(parsePorts(text))).toEqual(ports));
  it.each([
    '',
    '0',
    '65536',
    '80:',
    ':',
    'a:80',
    '80/icmp',
    'localhost:80:80',
    '1-3:1-2',
    '3-1',
    '1:2:3',
    '80:80:80:80',
    '-',
    '1-',
  ])('is not %j', (text) => {
    expect(parsePorts(text).ok).toBe(false);
  });
});

describe('a volume', () => {
  it('has a source, a target and options', () => {
    expect(valueOf(parseVolume('data:/data:ro,Z'))).toEqual({
      source: 'data',
      target: '/data',
      options: ['ro', 'Z'],
    });
    expect(valueOf(parseVolume('/a b:/c'))).toEqual({ source: '/a b', target: '/c', options: [] });
  });
  it.each(['', '/data', './a:/b', '~/a:/b', 'a:b', 'a:/', 'a:/b:rx', 'a:/b:ro:rw', 'a:/b\n'])(
    'is not %j',
    (text) => {
      expect(parseVolume(text).ok).toBe(false);
    },
  );
});

describe('a device', () => {
  it.each([
    ['/dev/a', '/dev/a', '/dev/a', 'rwm'],
    ['/dev/a:/dev/b', '/dev/a', '/dev/b', 'rwm'],
    ['/dev/a:r', '/dev/a', '/dev/a', 'r'],
    ['/dev/a:/dev/b:rw', '/dev/a', '/dev/b', 'rw'],
  ])('%s', (text, hostPath, containerPath, permissions) => {
    expect(valueOf(parseDevice(text))).toEqual({ hostPath, containerPath, permissions });
  });
  it.each([
    '',
    'dev/a',
    '/dev/a:',
    '/dev/a:b',
    '/dev/a:/dev/b:x',
    '/dev/a:/dev/b:rr',
    '/a:/b:/c',
    '/a:/b:r:w',
  ])('is not %j', (text) => {
    expect(parseDevice(text).ok).toBe(false);
  });
});

describe('a restart', () => {
  it("is the engine's policy or what happens after a sync, by its word", () => {
    expect(valueOf(parseRestart('no'))).toEqual({ meaning: 'policy', policy: { kind: 'no' } });
    expect(valueOf(parseRestart('on-failure:5'))).toEqual({
      meaning: 'policy',
      policy: { kind: 'on-failure', maximumRetries: 5 },
    });
    expect(valueOf(parseRestart('none'))).toEqual({ meaning: 'after-sync', afterSync: { kind: 'none' } });
    expect(valueOf(parseRestart('signal:SIGUSR1'))).toEqual({
      meaning: 'after-sync',
      afterSync: { kind: 'signal', signal: 'SIGUSR1' },
    });
  });
  it('is a signal that the engine knows', () => {
    for (const name of ['HUP', 'POLL', 'RTMIN', 'RTMAX-14'])
      expect(parseRestart(`signal:${name}`).ok).toBe(true);
    for (const name of ['HPU', 'NOPE', 'RTMIN+16', 'RTMAX+1', '9'])
      expect(parseRestart(`signal:${name}`).ok).toBe(false);
  });

  it.each(['', 'maybe', 'signal:', 'signal:hup', 'on-failure:', 'on-failure:x', 'always '])(
    'is not %j',
    (text) => {
      expect(reasonOf(parseRestart(text))).toMatch(/must be container, process, none or signal/);
    },
  );
});

describe('a command', () => {
  it.each([
    ['node  index.js', ['node', 'index.js']],
    [`sh -c 'a "b" | c'`, ['sh', '-c', 'a "b" | c']],
    [`a "b \\"c\\" \\n" d\\ e ''`, ['a', 'b "c" \\n', 'd e', '']],
    [`pre'fix'ed`, ['prefixed']],
    ['a \\\n b\\\nc', ['a', 'bc']],
  ])('%j', (text, words) => expect(valueOf(splitCommand(text))).toEqual(words));
  it.each([
    ['', /empty/],
    ['  ', /empty/],
    [`a 'b`, /unclosed quote/],
    ['a "b\\"', /unclosed quote/],
    ['a\\', /backslash/],
  ])('is not %j', (text, reason) => expect(reasonOf(splitCommand(text))).toMatch(reason));
});

describe('other values', () => {
  it('are times in seconds or milliseconds', () => {
    expect(
      [parseDurationMs('2'), parseDurationMs('0.5s'), parseDurationMs('500ms'), parseDurationMs('0')].map(
        valueOf,
      ),
    ).toEqual([2000, 500, 500, 0]);
    for (const text of ['', '-1', '1m', '1h', 's', '601']) expect(parseDurationMs(text).ok).toBe(false);
  });
  it('are networks', () => {
    for (const text of ['host', 'bridge', 'none', 'my_net.1', 'container:web'])
      expect(valueOf(parseNetwork(text))).toBe(text);
    for (const text of ['', 'a b', '-x', 'container:', 'a/b']) expect(parseNetwork(text).ok).toBe(false);
  });
});
