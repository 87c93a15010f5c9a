import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { EscapeFilter } from '../../../src/shell/escape-filter.js';

/** What arrives on the other side, with the escapes that were acted on. */
async function typed(...chunks: string[]): Promise<{ sent: string; actions: string[] }> {
  const actions: string[] = [];
  const filter = new EscapeFilter({
    disconnect: () => actions.push('disconnect'),
    help: () => actions.push('help'),
  });
  for (const chunk of chunks) filter.write(chunk);
  filter.end();
  return { sent: await text(filter), actions };
}

describe('what is typed', () => {
  it.each([
    ['plain text', 'ls -l\r', 'ls -l\r'],
    ['a tilde within a line', 'cd ~/x\recho a~.\r', 'cd ~/x\recho a~.\r'],
    ['a tilde at the start before another key', '~/bin/x\r', '~/bin/x\r'],
    ['two tildes at the start', '~~.\r', '~.\r'],
    ['a tilde and Enter', '~\r', '~\r'],
    ['a last tilde', 'x\r~', 'x\r~'],
    ['bytes of UTF-8', 'grüße 世界\r', 'grüße 世界\r'],
  ])('passes: %s', async (_, keys, sent) => {
    expect(await typed(keys)).toEqual({ sent, actions: [] });
  });

  it.each([
    ['at the very start', ['~.'], ''],
    ['after Enter', ['ls\r~.'], 'ls\r'],
    ['after a newline', ['ls\n~.'], 'ls\n'],
    ['key by key', ['\r', '~', '.'], '\r'],
    ['after help', ['~?', '~.'], ''],
  ])('disconnects with ~. %s', async (_, keys, sent) => {
    const result = await typed(...keys);
    expect(result.sent).toBe(sent);
    expect(result.actions.at(-1)).toBe('disconnect');
  });

  it('shows help with ~? and goes on at the start of a line', async () => {
    expect(await typed('~?ls\r')).toEqual({ sent: 'ls\r', actions: ['help'] });
  });
});
