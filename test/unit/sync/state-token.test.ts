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

  it('are the token and the place of the destination, to which a link may lead', async () => {
    const engine = new FakeEngine();
    const { files } = engine.addImage('image');
    const link = { kind: 'symlink', mode: 0o777, uid: 0, gid: 0, mtimeMs: 0 } as const;
    files.put('/app', { ...link, target: '/srv/app' });
    files.put('/srv/app/.rdt-state', { ...link, target: 'v1.0123' });
    await engine.createContainer('app', { Image: 'image', Labels: {}, HostConfig: {} });
    expect(await marksOf(engine)).toEqual({ token: 'v1.0123', engineRun: 'run 1', place: '/srv/app' });
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
