import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExitCode } from '../../../src/errors.js';
import { commonApi, isOlderApi } from '../../../src/transport/docker/api-version.js';
import { AnswerFields } from '../../../src/transport/docker/answer-fields.js';
import {
  toContainer,
  toContainerSummary,
  toImage,
  toListening,
} from '../../../src/transport/docker/engine-answers.js';
import { execRequest } from '../../../src/transport/docker/exec-request.js';
import { type Frame, FrameParser } from '../../../src/transport/docker/frame-parser.js';
import { toUnixSeconds } from '../../../src/transport/docker/log-time.js';

describe('the API version', () => {
  it.each([
    ['1.22', '1.22'],
    ['1.41', '1.41'],
    ['1.44', '1.44'],
    ['1.52', '1.44'],
    ['2.0', '1.44'],
    ['nonsense', undefined],
    [undefined, undefined],
  ])('with an engine of %s is %s', (engines, ours) => {
    expect(commonApi(engines)).toBe(ours);
  });

  it('is compared by numbers, not by letters', () => {
    expect(isOlderApi('1.9', '1.22')).toBe(true);
    expect(isOlderApi('1.44', '1.9')).toBe(false);
    expect(isOlderApi('1.44', '1.44')).toBe(false);
  });
});

describe('the frame parser', () => {
  const frame = (type: number, payload: Buffer): Buffer => {
    const header = Buffer.alloc(8);
    header.writeUInt8(type, 0);
    header.writeUInt32BE(payload.length, 4);
    return Buffer.concat([header, payload]);
  };
  const joined = (frames: readonly Frame[], to: Frame['to']): Buffer =>
    Buffer.concat(frames.filter((piece) => piece.to === to).map((piece) => piece.bytes));

  it('gives both outputs byte by byte, however the stream is cut into pieces', () => {
    const payloads = fc.array(fc.tuple(fc.constantFrom(1, 2), fc.uint8Array({ maxLength: 50 })), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(payloads, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (frames, cuts) => {
        const wire = Buffer.concat(frames.map(([type, payload]) => frame(type, Buffer.from(payload))));
        const parser = new FrameParser();
        const seen: Frame[] = [];
        for (let start = 0, turn = 0; start < wire.length; turn += 1) {
          const end = start + (cuts[turn % cuts.length] ?? 1);
          seen.push(...parser.push(wire.subarray(start, end)));
          start = end;
        }
        const expected = (wanted: number) =>
          Buffer.concat(
            frames.filter(([type]) => type === wanted).map(([, payload]) => Buffer.from(payload)),
          );
        expect(joined(seen, 'stdout')).toEqual(expected(1));
        expect(joined(seen, 'stderr')).toEqual(expected(2));
        expect(parser.atBoundary).toBe(true);
      }),
    );
  });

  it('hands on a large frame in the pieces that it comes in', () => {
    const parser = new FrameParser();
    const wire = frame(1, Buffer.alloc(1_000_000));
    expect([...parser.push(wire.subarray(0, 1_008))].map(({ bytes }) => bytes.length)).toEqual([1_000]);
    expect(parser.atBoundary).toBe(false);
  });

  it('knows that a header alone is not the end', () => {
    const parser = new FrameParser();
    expect([...parser.push(Buffer.from([1, 0, 0]))]).toEqual([]);
    expect(parser.atBoundary).toBe(false);
  });

  it('refuses what is not framed, such as the output of a terminal', () => {
    expect(() => [...new FrameParser().push(Buffer.from('hello world'))]).toThrow('not in its own format');
  });
});

describe('times of logs', () => {
  it.each([
    ['1700000000', '1700000000'],
    ['1700000000.123456789', '1700000000.123456789'],
    ['2023-11-14T22:13:20Z', '1700000000'],
    ['2023-11-14T22:13:20.000000001Z', '1700000000.000000001'],
    ['2023-11-14T23:13:20.5+01:00', '1700000000.5'],
  ])('%s is %s for the engine', (given, seconds) => {
    expect(toUnixSeconds(given)).toBe(seconds);
  });

  it.each(['yesterday', '', '2023-13-45T99:00:00Z', '5m'])('%j is a mistake of the user', (given) => {
    expect(() => toUnixSeconds(given)).toThrow(
      expect.objectContaining({ exitCode: ExitCode.usage }) as Error,
    );
  });
});

describe('the request of an exec', () => {
  const options = { argv: ['ls', '-l'], env: ['A=1'], workingDir: '/my app' };

  it('uses what the engine knows', () => {
    expect(execRequest(options, '1.41')).toMatchObject({
      Cmd: ['ls', '-l'],
      Env: ['A=1'],
      WorkingDir: '/my app',
    });
  });

  it('does by a shell what an old engine would silently ignore', () => {
    const old = execRequest(options, '1.24');
    expect(old).toMatchObject({
      Cmd: ['sh', '-c', 'cd "$0" && exec "$@"', '/my app', 'env', 'A=1', 'ls', '-l'],
      Env: [],
    });
    expect(old).not.toHaveProperty('WorkingDir');
  });
});

describe('answers of the engine', () => {
  it('that leave everything out are empty, not wrong', () => {
    expect(toContainer(AnswerFields.of(null))).toMatchObject({
      id: '',
      labels: {},
      mounts: [],
      stopSignal: 'SIGTERM',
    });
    expect(toImage(AnswerFields.of({ Id: 'x', RepoTags: null, Labels: null }))).toEqual({
      id: 'x',
      tags: [],
      labels: {},
    });
  });

  it('of old engines tell no type of a mount', () => {
    const answer = {
      Mounts: [
        { Name: 'v', Destination: '/v', RW: true },
        { Source: '/s', Destination: '/s', RW: false },
      ],
    };
    expect(toContainer(AnswerFields.of(answer)).mounts.map(({ type }) => type)).toEqual(['volume', 'bind']);
  });

  it('name tmpfs by either way of making one', () => {
    const answer = {
      HostConfig: { Tmpfs: { '/run': '' } },
      Mounts: [{ Type: 'tmpfs', Destination: '/cache' }],
    };
    expect(toContainer(AnswerFields.of(answer))).toMatchObject({ tmpfs: ['/run', '/cache'], mounts: [] });
  });

  it('list a container by its own name, not by that of a link', () => {
    expect(toContainerSummary(AnswerFields.of({ Names: ['/web/db', '/db'] })).name).toBe('db');
  });

  it('call an untagged image by no name', () => {
    expect(toImage(AnswerFields.of({ RepoTags: ['<none>:<none>', 'a:b'] })).tags).toEqual(['a:b']);
  });
});

describe('a process, by its row in the `ps` of the device,', () => {
  const none = '0000000000000000';
  it.each([
    ['with a handler listens', ['7', '0000000000004002', none, 'do_wait'], true],
    ['that holds signals back listens', ['7', none, '0000000000004000', 'ep_poll'], true],
    ['that starts a program may', ['7', '0000000000010002', 'fffffffe7ffbfeff', '-'], undefined],
    ['that waits for signals listens', ['7', none, none, 'do_sigtimedwait.isra.0'], true],
    ['that waits for something else does not', ['7', none, none, 'do_wait'], false],
    ['with a handler for another signal does not', ['7', '0000000000010002', none, 'do_wait'], false],
    ['that is busy may', ['7', none, none, '-'], undefined],
    ['of a kernel that hides where it waits may', ['7', none, none, '0'], undefined],
    ['without masks may', ['7', '-', '-', 'do_wait'], undefined],
    ['that is not in the list may', ['8', none, none, 'do_wait'], undefined],
  ])('%s', (_, row, listens) => {
    const answer = AnswerFields.of({
      Titles: ['PID', 'CAUGHT', 'BLOCKED', 'WCHAN'],
      Processes: [['1', none, none, '-'], row],
    });
    expect(toListening(answer, 7, 15)).toBe(listens);
  });
});
