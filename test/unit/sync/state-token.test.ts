import { describe, expect, it } from 'vitest';
import { RdtError } from '../../../src/errors.js';
import { readMarks } from '../../../src/sync/state-token.js';
import { EngineError } from '../../../src/transport/engine-error.js';
import { FakeEngine } from '../../contract/fake-engine.js';

const marksOf = (engine: FakeEngine) => readMarks(engine, 'app', '/app', new AbortController().signal);

describe('the marks of a container', () => {
  it('have no token where there is no container, and the run of the engine', async () => {
    expect(await marksOf(new FakeEngine())).toEqual({ token: undefined, engineRun: 'run 1' });
  });

  it('have no run where a proxy lets nobody ask for it', async () => {
    const engine = new FakeEngine();
    engine.engineRun = () => Promise.reject(new EngineError(403, 'Forbidden'));
    expect(await marksOf(engine)).toEqual({ token: undefined, engineRun: undefined });
  });

  it('are none of a device that is away', async () => {
    const engine = new FakeEngine();
    engine.engineRun = () => Promise.reject(new RdtError('away'));
    await expect(marksOf(engine)).rejects.toThrow('away');
  });
});
