import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { createJsonView } from '../../../src/ui/push-view.js';

it('a character of an output that was cut in two comes whole, whatever the other output says between', async () => {
  const stdout = new PassThrough();
  const show = createJsonView({ stdout });
  const bytes = Buffer.from('grün');
  show({ type: 'hook-output', stream: 'stdout', chunk: bytes.subarray(0, 3) });
  show({ type: 'hook-output', stream: 'stderr', chunk: Buffer.from('é') });
  show({ type: 'rule-output', stream: 'stdout', chunk: Buffer.from('è') });
  show({ type: 'hook-output', stream: 'stdout', chunk: bytes.subarray(3) });
  const lines = (await text(stdout.end())).trim().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { chunk: string }).chunk)).toEqual(['gr', 'é', 'è', 'ün']);
});
