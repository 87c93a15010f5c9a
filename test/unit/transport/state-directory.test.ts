import { describe, expect, it } from 'vitest';
import { ExitCode } from '../../../src/errors.js';
import { stateDirectory } from '../../../src/state-directory.js';

describe('the folder for state', () => {
  it.each([
    [{ RDT_STATE_DIR: '/mine', XDG_STATE_HOME: '/x', HOME: '/h' }, 'linux', '/mine'],
    [{ XDG_STATE_HOME: '/x', HOME: '/h' }, 'linux', '/x/rdt'],
    [{ XDG_STATE_HOME: 'relative', HOME: '/h' }, 'linux', '/h/.local/state/rdt'],
    [{ XDG_STATE_HOME: '', HOME: '/h' }, 'darwin', '/h/.local/state/rdt'],
    [
      { LOCALAPPDATA: 'C:\\Users\\me\\AppData\\Local', HOME: '/h' },
      'win32',
      'C:\\Users\\me\\AppData\\Local\\rdt',
    ],
  ] as const)('with %j on %s is %s', (env, platform, expected) => {
    expect(stateDirectory({ env, platform })).toBe(expected);
  });

  it('cannot be guessed without a home', () => {
    expect(() => stateDirectory({ env: {}, platform: 'linux' })).toThrow(
      expect.objectContaining({ exitCode: ExitCode.usage }) as Error,
    );
  });
});
