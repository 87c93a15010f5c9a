import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import type { Runtime } from '../../../src/runtime.js';
import { createPushView } from '../../../src/ui/push-view.js';

function said(toPrevious: boolean, changedVolumes: readonly string[] = []): string {
  const stderr = new PassThrough();
  const runtime = { stdout: stderr, stderr, env: {} } as Partial<Runtime> as Runtime;
  const show = createPushView(runtime, { timing: false, showBuild: () => undefined });
  show({ type: 'rolled-back', app: 'app', toPrevious, changedVolumes });
  return String(stderr.read());
}

it.each([
  [said(false), 'app was removed again\n'],
  [said(true), 'app is back as it was\n'],
  [said(true, ['data']), 'app is back as it was, but the volume data may hold files of the new version\n'],
  [
    said(true, ['data', '/srv/b']),
    'app is back as it was, but the volumes data, /srv/b may hold files of the new version\n',
  ],
])('what is taken back is told: %s', (line, expected) => {
  expect(line).toBe(expected);
});
