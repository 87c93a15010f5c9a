import { describe, expect, it } from 'vitest';
import { LivenessWatch } from '../../../src/shell/liveness.js';
import { FakeClock } from '../push/fake-clock.js';

/** Seconds that pass until the loss is told; undefined when it is not within a minute. */
async function lostAfter(answers: (second: number) => boolean, outputAt: readonly number[] = []) {
  const clock = new FakeClock();
  const losses: number[] = [];
  const ask = () =>
    answers(clock.monotonicMs() / 1000) ? Promise.resolve() : Promise.reject(new Error('silent'));
  using watch = new LivenessWatch({ ask, clock, onLost: () => losses.push(clock.monotonicMs()) });
  for (let second = 1; second <= 60; second += 1) {
    await clock.advance(1000);
    if (outputAt.includes(second)) watch.heard();
    // What was woken goes to sleep again, or tells the loss.
    await new Promise((resolve) => setImmediate(resolve));
    if (losses.length > 0) return second;
  }
  return undefined;
}

describe('a connection', () => {
  it('that answers lives on', async () => {
    expect(await lostAfter(() => true)).toBeUndefined();
  });

  it('that falls silent is lost within 15 s', async () => {
    const silentFrom = 20;
    const lost = await lostAfter((second) => second < silentFrom);
    expect(lost).toBeGreaterThan(silentFrom + 5);
    expect(lost).toBeLessThan(silentFrom + 13);
  });

  it('that misses a question or two lives on', async () => {
    expect(await lostAfter((second) => second % 9 === 0)).toBeUndefined();
  });

  it('that does not answer but brings output lives on until that ends', async () => {
    const lost = await lostAfter(() => false, [5, 10, 15, 20, 25, 30]);
    expect(lost).toBeGreaterThan(35);
    expect(lost).toBeLessThan(45);
  });
});
