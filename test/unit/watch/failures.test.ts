import { describe, expect, it } from 'vitest';
import { unreadable as unreadableContext } from '../../../src/build/context/context-error.js';
import { unreadable as unreadableFile } from '../../../src/sync/list-folder.js';
import { RdtError } from '../../../src/errors.js';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { containerSpec } from '../../../src/push/container-spec.js';
import { ChangedMeanwhile } from '../../../src/sync/commit-request.js';
import { isBuildFailure, tellFailure } from '../../../src/watch/failures.js';
import type { EmitWatchEvent } from '../../../src/watch/watch-event.js';
import { WatchMemory } from '../../../src/watch/watch-memory.js';
import { FakeEngine } from '../../contract/fake-engine.js';

const systemError = (code: string): Error => Object.assign(new Error(code), { code });

describe('a file that cannot be read', () => {
  it('has to be changed before a build is tried again', () => {
    const error = unreadableContext('app.db', systemError('EACCES'));
    expect(isBuildFailure(error)).toBe(true);
    expect(error.hint).toContain('the right to read it');
  });

  it('is tried again by itself while another program has it open, as on Windows', () => {
    const error = unreadableContext('app.db', systemError('EBUSY'));
    expect(isBuildFailure(error)).toBe(false);
    expect(error.message).toContain('Cannot read app.db');
    expect(error.hint).toContain('when it is closed');
  });

  it('has the same advice in a sync', () => {
    expect(unreadableFile('/src', 'app.db', systemError('EBUSY')).hint).toContain('when it is closed');
    expect(unreadableFile('/src', 'app.db', systemError('EACCES')).hint).toContain('Make it readable');
  });
});

it('a failure is told once, also when the engine names another temporary folder each time', () => {
  const [memory, told] = [new WatchMemory(), [] as unknown[]];
  const full = (folder: number) => new RdtError(`mkdir /var/.pivot_root${folder}: no space left on device`);
  for (const error of [full(1_394_485_368), full(283_745_192), new RdtError('no such file')])
    tellFailure(memory, (event) => told.push(event), error);
  expect(told).toHaveLength(2);
});

it('a failure is told once, also when it names our own folder, which is another one each time', () => {
  const [memory, told] = [new WatchMemory(), [] as unknown[]];
  for (const id of ['41dceefa', '00c0ffee', 'deadbeef'])
    tellFailure(memory, (event) => told.push(event), new RdtError(`rm: /app/.rdt-stage/${id}: not a folder`));
  expect(told).toHaveLength(1);
});

it('a failure that goes on is told of again for each edition of the folder after the one that it was told of', () => {
  const [memory, told] = [new WatchMemory(), [] as boolean[]];
  const emit: EmitWatchEvent = (event) => event.type === 'batch-failed' && told.push(event.again);
  const full = new RdtError('no space left on device');
  for (const edition of [undefined, 1, 1, 2, 2, undefined, 2, 3]) tellFailure(memory, emit, full, edition);
  expect(told).toEqual([false, true, true]);
  tellFailure(memory, emit, new RdtError('no such file'), 3);
  expect(told).toEqual([false, true, true, false]);
});

it('nobody is asked to push again while the folder is watched', async () => {
  const told: unknown[] = [];
  const engine = new FakeEngine();
  engine.addImage('app');
  const settings = resolveSettings({}, { appName: 'app' }, defaultSettings, { source: '/src' });
  await engine.createContainer('app', containerSpec(settings));
  const error = new ChangedMeanwhile(engine.container('app').describe());
  tellFailure(new WatchMemory(), (event) => told.push(event), error);
  expect(told).toEqual([{ type: 'batch-failed', message: error.message, hint: undefined, again: false }]);
});
