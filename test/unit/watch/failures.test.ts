import { describe, expect, it } from 'vitest';
import { unreadable as unreadableContext } from '../../../src/build/context/context-error.js';
import { unreadable as unreadableFile } from '../../../src/sync/list-folder.js';
import { isBuildFailure } from '../../../src/watch/failures.js';

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
