import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { setJson, unsetJson } from '../../../src/image/json-edit.js';
import { parseJson } from '../../../src/image/json-parse.js';

const set = (text: string, path: string, value: string): string =>
  setJson(text, path.split('.'), value, 'config.json');
const unset = (text: string, path: string): string => unsetJson(text, path.split('.'), 'config.json');

const PRETTY = `{
  "uuid": "abc",
  "deviceId": 12345678901234567890,
  "big": 1.10e+0,
  "os": {
    "sshKeys": ["a"]
  },
  "last": null
}
`;

describe('setting a value in config.json', () => {
  it('changes that value and no other byte', () => {
    expect(set(PRETTY, 'uuid', '"xyz"')).toBe(PRETTY.replace('"abc"', '"xyz"'));
    expect(set(PRETTY, 'last', '18446744073709551615')).toBe(PRETTY.replace('null', '18446744073709551615'));
  });

  it('appends a new key in the layout of the file', () => {
    expect(set(PRETTY, 'hostname', '"kitchen"')).toBe(
      PRETTY.replace('"last": null\n', '"last": null,\n  "hostname": "kitchen"\n'),
    );
    expect(set('{"a":1,"b":2}', 'c', '3')).toBe('{"a":1,"b":2,"c":3}');
    expect(set('{"a": 1, "b": 2}', 'c.d', '[1,2]')).toBe('{"a": 1, "b": 2, "c": {"d": [1, 2]}}');
    expect(set('{\r\n\t"a": 1\r\n}', 'b', '2')).toBe('{\r\n\t"a": 1,\r\n\t"b": 2\r\n}');
  });

  it('makes the objects on the way', () => {
    expect(set('{}', 'os.network.connectivity.uri', '""')).toBe(
      '{\n  "os": {\n    "network": {\n      "connectivity": {\n        "uri": ""\n      }\n    }\n  }\n}',
    );
    expect(set(PRETTY, 'os.power.mode', '"high"')).toContain(
      '"sshKeys": ["a"],\n    "power": {\n      "mode": "high"\n    }\n  },',
    );
  });

  it('leaves the text alone when it says the same, however it is spelled', () => {
    expect(set('{"a" : "\\u0041" , "b":[ 1 ,2]}', 'a', '"A"')).toBe('{"a" : "\\u0041" , "b":[ 1 ,2]}');
    expect(set('{"b":[ 1 ,2]}', 'b', '[1,2]')).toBe('{"b":[ 1 ,2]}');
  });

  it('changes the last of two equal keys, which is the one that readers take', () => {
    expect(set('{"a":1,"a":2}', 'a', '3')).toBe('{"a":1,"a":3}');
  });

  it('refuses to set something inside of what is no object', () => {
    expect(() => set('{"a":"text"}', 'a.b', '1')).toThrow('config.json: "a" is not an object');
    expect(() => set('[]', 'a', '1')).toThrow('the whole file is not an object');
  });
});

describe('removing a key from config.json', () => {
  it('takes its comma along', () => {
    expect(unset('{"a":1,"b":2,"c":3}', 'b')).toBe('{"a":1,"c":3}');
    expect(unset('{"a":1,"b":2}', 'b')).toBe('{"a":1}');
    expect(unset('{ "a":1 }', 'a')).toBe('{}');
    expect(unset(PRETTY, 'last')).toBe(PRETTY.replace(',\n  "last": null', ''));
    expect(unset(PRETTY, 'os.sshKeys')).toContain('"os": {},');
  });

  it('changes nothing when there is no such key', () => {
    expect(unset(PRETTY, 'nothing.here')).toBe(PRETTY);
    expect(unset(PRETTY, 'uuid.deeper')).toBe(PRETTY);
  });

  it('removes a key that is there twice', () => expect(unset('{"a":1,"b":2,"a":3}', 'a')).toBe('{"b":2}'));
});

describe('JSON that is not valid', () => {
  it.each([
    ['{"a":1,}', '1:8', 'a key in double quotes'],
    ['{\n  "a": 1\n  "b": 2\n}', '3:3', '"}"'],
    ['{"a": tru}', '1:7', 'a value'],
    ['', '1:1', 'the end of the file where a value'],
    ['{"a":"x\ny"}', '1:6', 'not closed'],
    ['{"a":"\\x"}', '1:6', 'unknown escape'],
    ['{"a":01}', '1:7', 'where "}"'],
    ['{} x', '1:4', 'where the end'],
    ['\ufeff{}', '1:1', 'byte order mark'],
    ['['.repeat(100_000), '1:202', 'too many levels'],
  ])('%j is reported with its place', (text, position, reason) => {
    expect(() => parseJson(text, 'config.json')).toThrow(`config.json:${position}: `);
    expect(() => parseJson(text, 'config.json')).toThrow(reason);
  });
});

describe('for any JSON', () => {
  const key = fc.string({ minLength: 1, maxLength: 4 }).filter((text) => text !== '__proto__');
  const object = fc.dictionary(key, fc.jsonValue(), { noNullPrototype: true });
  const indent = fc.constantFrom(undefined, 1, 2, '\t');

  it('set does what assignment does, and a second time nothing', () => {
    fc.assert(
      fc.property(object, key, fc.jsonValue(), indent, (before, name, value, space) => {
        const text = JSON.stringify(before, null, space);
        const after = setJson(text, [name], JSON.stringify(value), 'f');
        expect(JSON.parse(after)).toEqual(JSON.parse(JSON.stringify({ ...before, [name]: value })));
        expect(setJson(after, [name], JSON.stringify(value), 'f')).toBe(after);
      }),
    );
  });

  it('a value that is set and removed again leaves the rest as it was', () => {
    fc.assert(
      fc.property(object, key, fc.jsonValue(), indent, (before, name, value, space) => {
        fc.pre(!(name in before) && Object.keys(before).length > 0);
        const text = JSON.stringify(before, null, space);
        const set = setJson(text, [name], JSON.stringify(value), 'f');
        expect(unsetJson(set, [name], 'f')).toBe(text);
      }),
    );
  });

  it('accepts and refuses what JSON.parse does', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string(), mutatedJson()), (text) => {
        expect(accepts(() => parseJson(text, 'f'))).toBe(accepts(() => JSON.parse(text) as unknown));
      }),
      { numRuns: 1000 },
    );
  });
});

const mutatedJson = (): fc.Arbitrary<string> =>
  fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom('', ',', '"', '}', '\\', '0', '-', '.', 'e', '\n', '\u0001'))
    .map(([json, at, char]) => {
      const index = at % (json.length + 1);
      return json.slice(0, index) + char + json.slice(index + 1);
    });

function accepts(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch {
    return false;
  }
}
