import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Document, isAlias, isMap as isMapNode, isScalar, isSeq, type Pair, parseDocument } from 'yaml';
import { keyText } from '../../../src/project/yaml/locate-problems.js';
import { parseYaml } from '../../../src/project/yaml/parse-yaml.js';
import { PlainScalar, type YamlValue } from '../../../src/project/yaml-value.js';

/** What the document model sees, in our terms. */
function modelValue(written: unknown, document: Document): YamlValue {
  const node = isAlias(written) ? written.resolve(document) : written;
  if (isMapNode(node))
    return Object.fromEntries(node.items.map((pair) => [nameOf(pair), modelValue(pair.value, document)]));
  if (isSeq(node)) return node.items.map((item) => modelValue(item, document));
  if (!isScalar(node)) return null;
  if (typeof node.value === 'number' || typeof node.value === 'bigint')
    return new PlainScalar('number', node.source ?? '');
  if (typeof node.value === 'boolean') return new PlainScalar('boolean', node.source ?? '');
  return typeof node.value === 'string' ? node.value : null;
}

const nameOf = (pair: Pair): string => keyText(pair) ?? '[object Object]';

const scalar = fc
  .oneof(
    fc.constantFrom(
      '1',
      '-1',
      '+1',
      '01',
      '1.10',
      '.5',
      '1.',
      '1e3',
      '1e',
      '0x1F',
      '0xg',
      '0o17',
      '0o8',
      '017',
      '0b1',
      '1_000',
      '1:30',
      '.inf',
      '-.INF',
      '.nan',
      'NaN',
      '+.nan',
      'true',
      'True',
      'TRUE',
      'tRUE',
      'yes',
      'no',
      'on',
      'off',
      'y',
      'null',
      'Null',
      '~',
      'nil',
      '2001-01-01',
      '2001-01-01T00:00:00Z',
      '=',
      '<<',
      '-',
      '"1"',
      "'true'",
      '"a\\tb"',
      "'it''s'",
      'a b',
      'a#b',
      'a:b',
      'é',
      '!!str 1',
      '"<<"',
      '"\\u00e9"',
      '1e999',
      '12345678901234567890',
      '-0',
      '0.0',
      'a: b',
      '[]',
      '{}',
      '&a x',
      '*a',
      '"',
      '%',
      '@x',
      '`x',
    ),
    fc.string({
      maxLength: 6,
      unit: fc.constantFrom('a', '1', '.', '-', ':', ' ', '#', '"', "'", '0', 'e', 'x', '+', '_', ',', '\\'),
    }),
  )
  // A list in a list is no part of a project file, and js-yaml misreads one whose entry is empty.
  .filter((text) => !/^ *-( |$)/.test(text));

describe('the fast parser and the document model', () => {
  it('read every text that both accept alike', { timeout: 60_000 }, () => {
    const text = fc
      .tuple(scalar, scalar, scalar, scalar)
      .map(([a, b, c, d]) => `k: ${a}\nl:\n  - ${b}\n  - m: ${c}\nn: [${d}, x]\n`);
    let compared = 0;
    fc.assert(
      fc.property(text, (yaml) => {
        const fast = parseYaml(yaml);
        const document = parseDocument(yaml);
        if (!fast.ok || document.errors.length > 0) return;
        compared++;
        expect(fast.data).toEqual(modelValue(document.contents, document));
      }),
      { numRuns: 1000 },
    );
    expect(compared).toBeGreaterThan(100);
  });

  it('both refuse a key that is given twice', () => {
    for (const text of ['a: 1\na: 2\n', '1: a\n1: b\n', '{a: 1, "a": 2}\n']) {
      expect(parseYaml(text).ok).toBe(false);
      expect(parseDocument(text).errors).not.toEqual([]);
    }
  });
});
