import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { ExitCode } from '../../../src/errors.js';
import { EngineHttp } from '../../../src/transport/docker/engine-http.js';
import { HttpEngine } from '../../../src/transport/docker/http-engine.js';
import { answer, frame, ScriptedHost } from './scripted-host.js';

const engineOf = (host: ScriptedHost): HttpEngine => new HttpEngine(new EngineHttp(host.dialer(), '1.41'));

/** What an engine says of an exec whose container has ended. */
const FORGOTTEN = 'forgotten';

/** Answers requests by the last part of their path; `stream` is what an exec puts out before it ends as told. */
const execHost = (options: {
  stream: string;
  end: 'end' | 'reset';
  states: readonly string[];
  start?: string;
}): Promise<ScriptedHost> => {
  let asked = 0;
  return ScriptedHost.start((socket) => {
    socket.on('data', (chunk) => {
      const path = / (\S+) HTTP/.exec(chunk.toString('latin1'))?.[1] ?? '';
      if (path.endsWith('/exec')) socket.write(answer(201, '{"Id":"e1"}'));
      else if (path.endsWith('/json')) {
        const state = options.states[Math.min(asked++, options.states.length - 1)] ?? '{}';
        socket.write(
          state === FORGOTTEN ? answer(404, '{"message":"No such exec instance"}') : answer(200, state),
        );
      } else if (path.endsWith('/start')) {
        const upgraded = 'HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n';
        const start = options.start ?? upgraded + options.stream;
        socket.write(Buffer.from(start, 'latin1'), () => {
          if (options.start !== undefined) return;
          if (options.end === 'end') socket.end();
        });
        // A reset together with data looks like an orderly end to libuv: it must come alone.
        socket.once('data', () => {
          if (options.end === 'reset') socket.resetAndDestroy();
        });
      }
    });
  });
};

const outcome = async (host: ScriptedHost) => {
  await using engine = engineOf(host);
  const session = await engine.exec('app', { argv: ['x'] });
  session.stdout.once('data', () => session.stdin.write('seen'));
  const [stdout, stderr, exitCode] = await Promise.allSettled([
    text(session.stdout),
    text(session.stderr),
    session.exitCode,
  ]);
  return { stdout, stderr, exitCode };
};

const cut = { status: 'rejected', reason: { exitCode: ExitCode.unreachable } };

describe('an exec', () => {
  it('waits until the engine has booked the exit', async () => {
    await using host = await execHost({
      stream: frame(1, 'out') + frame(2, 'err'),
      end: 'end',
      states: ['{"Running":true,"ExitCode":null}', '{"Running":false,"ExitCode":3}'],
    });
    expect(await outcome(host)).toMatchObject({
      stdout: { value: 'out' },
      stderr: { value: 'err' },
      exitCode: { value: 3 },
    });
  });

  it('whose stream ends in the middle of a frame is cut, and no success', async () => {
    await using host = await execHost({
      stream: frame(1, 'all of it').slice(0, -3),
      end: 'end',
      states: ['{"Running":false,"ExitCode":0}'],
    });
    expect(await outcome(host)).toMatchObject({ stdout: cut, stderr: cut, exitCode: cut });
  });

  it('whose connection is reset is cut, and no success', async () => {
    await using host = await execHost({
      stream: frame(1, 'some of it'),
      end: 'reset',
      states: ['{"Running":false,"ExitCode":0}'],
    });
    expect(await outcome(host)).toMatchObject({ stdout: cut, stderr: cut, exitCode: cut });
  });

  it('whose stream ends although the program goes on is cut, and no success', async () => {
    await using host = await execHost({ stream: frame(1, 'x'), end: 'end', states: ['{"Running":true}'] });
    expect(await outcome(host)).toMatchObject({ stdout: { value: 'x' }, exitCode: cut });
  }, 10_000);

  it('that a newer engine refuses to start ends as with an older one', async () => {
    await using host = await execHost({
      stream: '',
      end: 'end',
      states: ['{"Running":false,"ExitCode":127}'],
      start: answer(400, '{"message":"executable file not found"}'),
    });
    expect(await outcome(host)).toMatchObject({
      stdout: { value: '' },
      stderr: { value: 'executable file not found\n' },
      exitCode: { value: 127 },
    });
  });

  it.each([
    ['while it ran', undefined],
    ['before it was started', answer(404, '{"message":"No such exec instance"}')],
  ])('whose container ended %s fails as one in a container that does not run', async (_, start) => {
    const states = [FORGOTTEN];
    await using host = await execHost({ stream: '', end: 'end', states, ...(start && { start }) });
    await using engine = engineOf(host);
    const ended = async () => (await engine.exec('app', { argv: ['x'] })).exitCode;
    await expect(ended()).rejects.toMatchObject({ status: 409, message: 'the container ended' });
  });

  it('that is refused for another reason is an error', async () => {
    await using host = await execHost({
      stream: '',
      end: 'end',
      states: ['{"Running":false,"ExitCode":null}'],
      start: answer(409, '{"message":"Container is paused"}'),
    });
    await using engine = engineOf(host);
    await expect(engine.exec('app', { argv: ['x'] })).rejects.toMatchObject({ status: 409 });
  });
});

describe('logs', () => {
  const logHost = (tty: boolean, words: string, end = true): Promise<ScriptedHost> =>
    ScriptedHost.start((socket) => {
      socket.on('data', (chunk) => {
        if (!chunk.toString('latin1').includes('/logs')) {
          socket.write(answer(200, JSON.stringify({ Config: { Tty: tty } })));
          return;
        }
        const body = `${words.length.toString(16)}\r\n${words}\r\n${end ? '0\r\n\r\n' : ''}`;
        socket.write(Buffer.from(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`, 'latin1'));
        if (!end) socket.end();
      });
    });
  const read = async (host: ScriptedHost) => {
    await using engine = engineOf(host);
    const { stdout, stderr } = await engine.logs('app', { follow: true, timestamps: false });
    return await Promise.all([text(stdout), text(stderr)]);
  };

  it('of a terminal are one stream, of anything else two', async () => {
    await using terminal = await logHost(true, 'raw bytes');
    expect(await read(terminal)).toEqual(['raw bytes', '']);
    await using plain = await logHost(false, frame(1, 'out') + frame(2, 'err'));
    expect(await read(plain)).toEqual(['out', 'err']);
  });

  it('that break off are an error, and no end', async () => {
    await using host = await logHost(false, frame(1, 'out'), false);
    await expect(read(host)).rejects.toMatchObject({ exitCode: ExitCode.unreachable });
  });
});

describe('killing', () => {
  it('a container that does not run is no failure with engines that call it a server error', async () => {
    await using host = await ScriptedHost.answering(
      answer(500, 'Cannot kill container: app is not running'),
      answer(200, '{"State":{"Running":false}}'),
    );
    await using engine = engineOf(host);
    expect(await engine.killContainer('app', 'SIGKILL')).toBe(false);
  });

  it('one that runs on is a failure', async () => {
    await using host = await ScriptedHost.answering(
      answer(500, '{"message":"permission denied"}'),
      answer(200, '{"State":{"Running":true}}'),
    );
    await using engine = engineOf(host);
    await expect(engine.killContainer('app', 'SIGKILL')).rejects.toThrow('permission denied');
  });
});

describe('removing an image', () => {
  const refusal = '{"message":"unrecognized image ID sha256:1"}';

  it('that somebody else removes at the same moment is no failure', async () => {
    const gone = answer(404, '{"message":"No such image"}');
    await using host = await ScriptedHost.answering(answer(500, refusal), gone);
    await using engine = engineOf(host);
    expect(await engine.removeImage('sha256:1')).toBe(false);
  });

  it('that is still there is a failure', async () => {
    const found = answer(200, '{"Id":"sha256:1","Config":{}}');
    await using host = await ScriptedHost.answering(answer(500, refusal), found);
    await using engine = engineOf(host);
    await expect(engine.removeImage('sha256:1')).rejects.toThrow('unrecognized image ID');
  });
});

describe('an answer that is no JSON', () => {
  it('says that this is no engine', async () => {
    await using host = await ScriptedHost.answering(answer(200, '<html>router login</html>'));
    await using engine = engineOf(host);
    await expect(engine.inspectContainer('app')).rejects.toThrow('did not answer GET /containers/app/json');
  });
});

describe('a change without an answer', () => {
  it.each(['', '\n'])('succeeds with a body of %j: podman ends it with a line break', async (body) => {
    await using host = await ScriptedHost.answering(answer(200, body));
    await using engine = engineOf(host);
    await expect(engine.removeContainer('app', { removeAnonymousVolumes: true })).resolves.toBeUndefined();
  });
});

describe('the state of a path that is refused', () => {
  it('is refused with the words of the engine, which a HEAD has no room for', async () => {
    const reason = '{"message":"mkdir /mount: no space left on device"}';
    await using host = await ScriptedHost.answering(answer(500, ''), answer(500, reason));
    await using engine = engineOf(host);
    await expect(engine.statPath('app', '/src')).rejects.toMatchObject({
      message: 'mkdir /mount: no space left on device',
      hint: expect.stringContaining('Make room') as string,
    });
    expect(host.received.match(/(HEAD|GET) \S+/g)).toEqual([
      'HEAD /v1.41/containers/app/archive?path=%2Fsrc',
      'GET /v1.41/containers/app/archive?path=%2Fsrc',
    ]);
  });

  it('is refused as it was when the engine has nothing to add', async () => {
    await using host = await ScriptedHost.answering(answer(500, ''), answer(200, 'tar'));
    await using engine = engineOf(host);
    await expect(engine.statPath('app', '/src')).rejects.toMatchObject({ status: 500 });
  });
});
