import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { NO_GZIP_STATUS } from '../../../src/sync/stage-script.js';
import { ExecStages, type Stage } from '../../../src/sync/stages.js';
import type { Container, Engine } from '../../../src/transport/engine.js';

const STAGE: Stage = {
  folder: '/app',
  id: '1',
  token: 't',
  mode: 'lenient',
  expected: '',
  copiedBytes: 0,
  contentBytes: 1,
};
const container = { id: 'app', state: { running: true, restarting: false, startedAt: 'first' } } as Container;

/** Where no shell can be started. `end` settles when the app ends, which the engine knows from then on. */
function stagesWhere(end: () => Promise<number>): ExecStages {
  let running = true;
  const engine: Partial<Engine> = {
    exec: () =>
      Promise.resolve({
        stdin: new PassThrough().resume(),
        stdout: Readable.from(['']),
        stderr: Readable.from(['OCI runtime exec failed']),
        exitCode: Promise.resolve(126),
        resize: () => Promise.resolve(),
      }),
    inspectContainer: () => Promise.resolve({ ...container, state: { ...container.state, running } }),
    waitContainer: async (_id, _end, signal) => {
      const aborted = new Promise<never>((_, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason as Error));
      });
      const exitCode = await Promise.race([end(), aborted]);
      running = false;
      return exitCode;
    },
  };
  return new ExecStages({ engine: engine as Engine, container, compress: true });
}

const run = (stages: ExecStages) =>
  stages.run(STAGE, () => Readable.from(['x']), new AbortController().signal);

it('a stage that could not be started because the app was just ending is lost: the engine notes the end later', async () => {
  expect(await run(stagesWhere(() => Promise.resolve(7)))).toMatchObject({ kind: 'lost' });
});

it('a stage that could not be started in a container that runs on says that there is no shell', async () => {
  const never = () => new Promise<number>(() => undefined);
  expect(await run(stagesWhere(never))).toEqual({ kind: 'no-shell' });
});

it.each([
  ['compressed, over a slow link', 20, 0, ['gzip']],
  ['plain, over a quick link', 0, 0, ['plain']],
  ['plain, where a container has no gzip', 20, NO_GZIP_STATUS, ['gzip', 'plain']],
])('sends a long archive %s', async (_name, roundTripMs, statusOfGzip, packings) => {
  const sent: { packing: string; bytes: Promise<Buffer> }[] = [];
  const engine: Partial<Engine> = {
    ping: () => delay(roundTripMs),
    exec: (_container, { argv }) => {
      const packing = argv.at(-1) ?? '';
      const stdin = new PassThrough();
      sent.push({ packing, bytes: buffer(stdin) });
      return Promise.resolve({
        stdin,
        stdout: Readable.from([`rdt:${packing === 'gzip' ? statusOfGzip : 0}\n`]),
        stderr: Readable.from(['']),
        exitCode: Promise.resolve(0),
        resize: () => Promise.resolve(),
      });
    },
    inspectContainer: () => Promise.resolve(container),
  };
  const stages = new ExecStages({ engine: engine as Engine, container, compress: true });
  const content = Buffer.alloc(100_000, 'x');
  const stage = { ...STAGE, contentBytes: content.length };
  const result = await stages.run(stage, () => Readable.from([content]), new AbortController().signal);
  expect(result).toMatchObject({ kind: 'done' });
  expect(sent.map(({ packing }) => packing)).toEqual(packings);
  for (const { packing, bytes } of sent)
    expect((packing === 'gzip' ? gunzipSync(await bytes) : await bytes).equals(content)).toBe(true);
});
