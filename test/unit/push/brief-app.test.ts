import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { RestartPolicy } from '../../../src/project/restart.js';
import { defaultSettings, resolveSettings } from '../../../src/project/settings.js';
import { labelsOf } from '../../../src/push/labels.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { runUntilKilled } from '../../contract/fake-process.js';
import { MemoryDeployments } from '../watch/watched-loop.js';
import { onePush } from './one-push.js';

const APP = 'app';
const ENDS_AFTER_MS = 50;

let source: string;
let engine: FakeEngine;
beforeEach(() => {
  source = mkdtempSync(join(tmpdir(), 'rdt-brief-'));
  writeFileSync(join(source, 'Dockerfile'), 'FROM busybox\n');
  engine = new FakeEngine(({ argv, killed }) =>
    argv[0] === 'main' ? runUntilKilled(killed) : delay(ENDS_AFTER_MS, argv[0] === 'brief' ? 0 : 1),
  );
});
afterEach(async () => {
  rmSync(source, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

/** Answers the warnings of a push that builds an app which runs `command`. */
async function warningsOf(command: string, restartPolicy: RestartPolicy): Promise<string[]> {
  const warnings: string[] = [];
  await onePush({
    settings: resolveSettings({}, { appName: APP, restartPolicy }, defaultSettings, { source }),
    engine,
    store: new MemoryDeployments(),
    builder: {
      build: () => {
        const { id } = engine.addImage(APP, { labels: labelsOf(APP), cmd: [command] });
        return Promise.resolve({ type: 'built', imageId: id, builder: 'buildkit' });
      },
    },
    emit: (event) => event.type === 'warning' && warnings.push(event.message),
  });
  return warnings;
}

it.each(['always', 'unless-stopped'] as const)(
  'an app that ends well at once, and is restarted %s, is warned of once',
  async (kind) => {
    expect(await warningsOf('brief', { kind })).toEqual([
      'app ended with exit code 0 at once, and its restart policy starts it again and again',
    ]);
  },
);

it.each<RestartPolicy>([{ kind: 'no' }, { kind: 'on-failure', maximumRetries: undefined }])(
  'one that is restarted by $kind has come to its end',
  async (restartPolicy) => {
    expect(await warningsOf('brief', restartPolicy)).toEqual([]);
  },
);

it('one that runs on is nothing to warn of', async () => {
  expect(await warningsOf('main', { kind: 'always' })).toEqual([]);
});
