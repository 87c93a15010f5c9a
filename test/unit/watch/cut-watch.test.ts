import { expect, it } from 'vitest';
import { systemClock } from '../../../src/system-clock.js';
import { CutWatch } from '../../../src/watch/cut-watch.js';

const never = (): Promise<never> => new Promise(() => undefined);

/** Whether the watch finds a cut within `withinMs`, while one thing is under way and the engine answers as `ping` does. */
async function findsCut(
  withinMs: number,
  ping: () => Promise<void>,
  reach: () => boolean,
  work: () => number | undefined = () => 1,
): Promise<boolean> {
  const end = new AbortController();
  const watch = new CutWatch({
    clock: systemClock,
    signal: end.signal,
    ping,
    reach: () => Promise.resolve(reach()),
    work,
  });
  const cut = watch.cut().then(
    () => true,
    () => false,
  );
  const isCut = await Promise.race([cut, systemClock.sleep(withinMs).then(() => false)]);
  end.abort(new Error('the session has ended'));
  return isCut;
}

it.concurrent('a device that takes no new connection is cut off', async () => {
  expect(await findsCut(9_000, never, () => false)).toBe(true);
});

it.concurrent('an engine that answers nothing for long is not, as long as its device takes connections', async () => {
  expect(await findsCut(9_000, never, () => true)).toBe(false);
});

it.concurrent('one that takes connections again has forgotten what was under way', async () => {
  let asked = 0;
  expect(await findsCut(4_500, never, () => ++asked > 2)).toBe(true);
});

it.concurrent('one attempt that fails proves nothing', async () => {
  let asked = 0;
  expect(await findsCut(5_000, never, () => ++asked > 1)).toBe(false);
});

it.concurrent('an answer to the old question proves that the connection lives', async () => {
  const late = (): Promise<void> => systemClock.sleep(1_500);
  expect(await findsCut(5_000, late, () => false)).toBe(false);
});

it.concurrent('nobody is asked while nothing is under way', async () => {
  const asked = (): Promise<never> => Promise.reject(new Error('asked'));
  expect(
    await findsCut(
      3_000,
      asked,
      () => false,
      () => undefined,
    ),
  ).toBe(false);
});
