import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyChanges, type ProjectChanges } from '../../../src/project/project-changes.js';
import { editYaml } from '../../../src/project/yaml/edit-yaml.js';
import { parseYaml } from '../../../src/project/yaml/parse-yaml.js';
import { PlainScalar, type YamlValue } from '../../../src/project/yaml-value.js';

const H1 = '1'.repeat(64);
const H2 = 'ab'.repeat(32);
const HASHES = { Dockerfile: H1, 'package.json': H2 };

function changes(
  given: Partial<ProjectChanges> & { hashes?: Record<string, string | undefined> } = {},
): ProjectChanges {
  const triggers = Object.entries(given.hashes ?? HASHES).map(([path, sha256]) => ({ path, sha256 }));
  const knownTriggers = given.knownTriggers ?? new Set(triggers.map((trigger) => trigger.path));
  return { top: {}, app: { 'app-name': 'myapp' }, missing: {}, triggers, knownTriggers, ...given };
}

function dataOf(text: string): YamlValue {
  const parsed = parseYaml(text);
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.data;
}

function edited(text: string, change: ProjectChanges): string | undefined {
  const before = dataOf(text);
  return editYaml(text, before, applyChanges(before, 'local_resinos', change));
}

const DOCUMENTED = `local_resinos:
  app-name: myapp
  build-triggers:                 # a list of single-key maps
    - Dockerfile: 9396730559c4107a0d82f95373c45d8e0634556342fb4ee276a7bc1c84c51570   # the image
    # what npm installs
    - package.json: ${H2}
  environment: []                 # list of K=V
destination: /usr/src/app
before: echo Hello
after: echo Done
ignore:
  - .git   # never
  - node_modules/
`;

describe('a new file', () => {
  it('looks like the documented one', () => {
    const top = {
      destination: '/app',
      ignore: ['.git', 'lib/'],
      verbose: new PlainScalar('boolean', 'false'),
    };
    expect(edited('', changes({ top }))).toBe(
      `local_resinos:\n  app-name: myapp\n  build-triggers:\n    - Dockerfile: "${H1}"\n    - package.json: ${H2}\n  environment: []\n` +
        'destination: /app\nignore:\n  - .git\n  - lib/\nverbose: false\n',
    );
  });

  it('keeps the comments of one that had nothing else', () => {
    expect(edited('# mine', changes({ hashes: {} }))).toBe(
      '# mine\nlocal_resinos:\n  app-name: myapp\n  build-triggers: []\n  environment: []',
    );
  });
});

describe('a change', () => {
  it('of a hash replaces that hash and nothing else', () => {
    const result = edited(DOCUMENTED, changes({ hashes: { Dockerfile: H2, 'package.json': H2 } }));
    expect(result).toBe(DOCUMENTED.replace(/939673\w+/, H2));
  });

  it('keeps Windows line ends, a byte order mark, and a missing last line end', () => {
    const odd = `\uFEFF${DOCUMENTED.replaceAll('\n', '\r\n').trimEnd()}`;
    const result = edited(
      odd,
      changes({
        top: { progress: new PlainScalar('boolean', 'true') },
        hashes: { Dockerfile: H1, 'package.json': H2 },
      }),
    );
    expect(result).toBe(`${odd.replace(/939673\w+/, `"${H1}"`)}\r\nprogress: true`);
  });

  it('adds and removes triggers in the list', () => {
    const result = edited(
      DOCUMENTED,
      changes({
        hashes: { 'package.json': H2, 'requirements.txt': undefined },
        knownTriggers: new Set(['Dockerfile', 'package.json']),
      }),
    );
    expect(result).toBe(
      DOCUMENTED.replace(/ {4}- Dockerfile.*\n/, '').replace(
        `${H2}\n`,
        `${H2}\n    - requirements.txt: null\n`,
      ),
    );
  });

  it('turns an empty inline list into lines, with its comment beside the key', () => {
    const result = edited(
      DOCUMENTED,
      changes({
        app: { 'app-name': 'myapp', environment: ['A=1', 'B=a: b # c'] },
        hashes: {},
        knownTriggers: new Set(),
      }),
    );
    expect(result).toContain(
      '  environment:                  # list of K=V\n    - A=1\n    - "B=a: b # c"\ndestination:',
    );
  });

  it('of a list keeps the entries that stay, where they are, with their comments', () => {
    const result = edited(
      DOCUMENTED,
      changes({ top: { ignore: ['lib/', '.git', 'tmp/'] }, hashes: {}, knownTriggers: new Set() }),
    );
    expect(result?.slice(result.indexOf('ignore:'))).toBe(
      'ignore:\n  - lib/\n  - .git   # never\n  - tmp/\n',
    );
  });

  it('empties a list', () => {
    const result = edited(DOCUMENTED, changes({ top: { ignore: [] }, hashes: {}, knownTriggers: new Set() }));
    expect(result?.slice(result.indexOf('ignore:'))).toBe('ignore: []\n');
  });

  it('of a text keeps its quotes', () => {
    const text =
      'before: \'echo Hello\'   # x\nafter: >\n  echo\n  done\ndestination: "/a"\nlocal_resinos:\n  app-name: myapp\n  build-triggers: []\n';
    const top = { before: "it's: so", after: 'two\nlines', destination: '/b' };
    expect(edited(text, changes({ top, hashes: {} }))).toBe(
      'before: \'it\'\'s: so\'   # x\nafter: "two\\nlines"\ndestination: "/b"\nlocal_resinos:\n  app-name: myapp\n  build-triggers: []\n',
    );
  });

  it('fills a section that is empty, and one that is missing', () => {
    const lines = 'local_resinos:\n  app-name: myapp\n  build-triggers: []\n';
    expect(edited('local_resinos:\n# end\n', changes({ hashes: {} }))).toBe(`${lines}# end\n`);
    expect(edited('local_resinos: # app\nfoo: 1\n', changes({ hashes: {} }))).toBe(
      `${lines.replace(':', ': # app')}foo: 1\n`,
    );
    expect(edited('foo: 1 # x\n', changes({ hashes: {} }))).toBe(`foo: 1 # x\n${lines}`);
  });

  it('takes over a map of variables as a list', () => {
    const text =
      'local_resinos:\n  environment:\n    # first\n    A: 1\n    B: 2\n  app-name: myapp\n  build-triggers: []\n';
    const app = { 'app-name': 'myapp', environment: ['A=2'] };
    expect(edited(text, changes({ app, hashes: {} }))).toBe(
      'local_resinos:\n  environment:\n    - A=2\n    # first\n  app-name: myapp\n  build-triggers: []\n',
    );
  });

  it('redraws what is written inline, and keeps its meaning', () => {
    const result = edited('# top\nlocal_resinos: {app-name: old, extra: [1, 2]}  # c\n', changes());
    expect(dataOf(result ?? '')).toEqual(
      dataOf(
        `local_resinos: {app-name: myapp, extra: [1, 2], build-triggers: [Dockerfile: "${H1}", package.json: ${H2}]}`,
      ),
    );
    expect(result).toContain('# top');
    expect(result).toContain('# c');
  });

  it.each([
    [
      'a list in brackets',
      `[\n    # the image\n    {Dockerfile: ${H2}}, # trailing\n    # mine\n    package.json ]`,
    ],
    [
      'an entry in braces',
      `\n    - {Dockerfile: ${H2}} # trailing\n    # the image\n    - package.json # mine`,
    ],
  ])('of a hash in %s keeps the comments', (_where, list) => {
    const text = `local_resinos:\n  app-name: myapp\n  build-triggers: ${list}\n# end\n`;
    const result = edited(text, changes()) ?? '';
    expect(dataOf(result)).toEqual(applyChanges(dataOf(text), 'local_resinos', changes()));
    for (const comment of ['# the image', '# trailing', '# mine', '# end']) expect(result).toContain(comment);
  });

  it('gives a name alone its hash, with its comment', () => {
    const text =
      'local_resinos:\n  app-name: myapp\n  build-triggers:\n    - Dockerfile  # mine\n    - "package.json"\n';
    expect(edited(text, changes())).toBe(
      `local_resinos:\n  app-name: myapp\n  build-triggers:\n    - Dockerfile: "${H1}"  # mine\n    - "package.json": ${H2}\n`,
    );
  });

  it('of a list in brackets keeps the comments of the entries that stay', () => {
    const text = 'ignore: [a, # why a\n  b, # why b\n  c ] # end\nlocal_resinos: {app-name: myapp}\n';
    const result = edited(text, changes({ hashes: {}, top: { ignore: ['a', 'c', 'd'] } })) ?? '';
    expect(dataOf(result)).toMatchObject({ ignore: ['a', 'c', 'd'] });
    for (const comment of ['# why a', '# end']) expect(result).toContain(comment);
  });

  it('is refused when another value would change along with it', () => {
    expect(
      edited('mine: &x old\nlocal_resinos:\n  app-name: *x\n  build-triggers: []\n', changes({ hashes: {} })),
    ).toBe('mine: &x old\nlocal_resinos:\n  app-name: myapp\n  build-triggers: []\n');
    expect(
      edited('local_resinos:\n  app-name: &x old\n  build-triggers: []\nmine: *x\n', changes({ hashes: {} })),
    ).toBeUndefined();
  });
});

describe('a text with aliases', () => {
  it('gets a section of its own where the section was one', () => {
    expect(edited('shared: &app\n  mine: x\nlocal_resinos: *app\n', changes({ hashes: {} }))).toBe(
      'shared: &app\n  mine: x\nlocal_resinos:\n  mine: x\n  app-name: myapp\n  build-triggers: []\n',
    );
  });

  it('may hold values that contain themselves', () => {
    const text = 'mine: &me\n  - *me\nalso: &it {self: *it}\nlocal_resinos:\n  app-name: x\n';
    expect(edited(text, changes({ hashes: {} }))).toContain('app-name: myapp');
  });

  it('may hold what would be endless when it is written out', () => {
    const lines = Array.from({ length: 60 }, (_, n) => `a${n + 1}: &a${n + 1} [*a${n}, *a${n}]\n`);
    const text = `a0: &a0 [x]\n${lines.join('')}local_resinos:\n  app-name: x\n`;
    expect(edited(text, changes({ hashes: {} }))).toContain('app-name: myapp');
  });
});

describe('of two who change the file at a time', () => {
  it('each keeps what the other added', () => {
    const text = `local_resinos:\n  app-name: myapp\n  build-triggers:\n    - Dockerfile: ${H2}\n    - mine.txt\n    - gone.txt: ${H2}\nnew: 1\n`;
    const result = edited(
      text,
      changes({ hashes: { Dockerfile: H1 }, knownTriggers: new Set(['Dockerfile', 'gone.txt']) }),
    );
    expect(result).toBe(
      `local_resinos:\n  app-name: myapp\n  build-triggers:\n    - Dockerfile: "${H1}"\n    - mine.txt\nnew: 1\n`,
    );
  });
});

describe('any text', () => {
  it('keeps its comments and foreign keys, and means what was meant', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(projectText, anyChanges, (text, change) => {
        const before = dataOf(text);
        const after = applyChanges(before, 'local_resinos', change);
        const result = editYaml(text, before, after);
        expect(result).toBeDefined();
        for (const comment of text.match(/# own \d+/g) ?? []) expect(result).toContain(comment);
        expect(applyChanges(dataOf(result ?? ''), 'local_resinos', change)).toEqual(dataOf(result ?? ''));
        expect(editYaml(result ?? '', dataOf(result ?? ''), dataOf(result ?? ''))).toBe(result);
      }),
      { numRuns: 300 },
    );
  });
});

const word = fc.constantFrom(
  'a',
  'no',
  '1.10',
  'x: y',
  '#h',
  "it's",
  'ä',
  '- d',
  '',
  'true',
  '"q"',
  '*a',
  '%p',
  'a\\b',
  '@',
  '0x10',
  'two\nlines',
  ' s ',
  '{a}',
  '=',
  '<<',
  '!t',
  '~',
);
const gap = fc.constantFrom('', ' ', '   ');
let comments = 0;
const comment = fc.constantFrom(true, false, false).map((has) => (has ? ` # own ${++comments}` : ''));
/** Goes with its entry when that is removed. */
const entryComment = fc.constantFrom('', ' # entry');
const ownLine = fc
  .constantFrom(0, 0, 0, 2, 4)
  .map((indent) => (indent === 0 ? '' : `${' '.repeat(indent - 2)}# own ${++comments}\n`));
const quotedWord = word.map((text) => JSON.stringify(text));
const scalarLine = (key: string): fc.Arbitrary<string> =>
  fc
    .tuple(gap, quotedWord, comment, ownLine)
    .map(([space, text, end, line]) => `${key}:${space} ${text}${end}\n${line}`);
const listLines = (key: string, indent: string): fc.Arbitrary<string> =>
  fc
    .tuple(fc.array(fc.tuple(quotedWord, entryComment, ownLine), { maxLength: 3 }), comment, fc.boolean())
    .map(([items, end, flow]) =>
      flow || items.length === 0
        ? `${key}: [${items.map(([text]) => text).join(', ')}]${end}\n`
        : `${key}:${end}\n${items.map(([text, itemEnd, line]) => `${indent}- ${text}${itemEnd}\n${line}`).join('')}`,
    );
const triggerLines = fc
  .tuple(
    fc.subarray(['Dockerfile', 'package.json', 'x.txt', 'y.txt']),
    comment,
    fc.constantFrom('    ', '  '),
  )
  .map(([names, end, indent]) =>
    names.length === 0
      ? `  build-triggers:${end}\n`
      : `  build-triggers:${end}\n${names.map((name) => `${indent}- ${name}: ${H2} # entry\n`).join('')}`,
  );
const section = fc
  .tuple(
    fc.constantFrom('  app-name: old\n', ''),
    fc.option(triggerLines, { nil: '' }),
    fc.option(listLines('  environment', '    '), { nil: '' }),
    comment,
  )
  .map(([name, triggers, environment, end]) => `local_resinos:${end}\n${name}${environment}${triggers}`);
const projectText = fc
  .tuple(
    fc
      .shuffledSubarray(['destination', 'before', 'verbose', 'foreign'])
      .chain((keys) => fc.tuple(...keys.map(scalarLine))),
    fc.option(section, { nil: '' }),
    fc.option(listLines('ignore', '  '), { nil: '' }),
    fc.constantFrom('', '# own 0\n', '---\n'),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([lines, app, ignore, head, windows, ends]) => {
    const text = head + [...lines.slice(0, 2), app, ignore, ...lines.slice(2)].join('');
    const whole = ends ? text : text.replace(/\n$/, '');
    return windows ? whole.replaceAll('\n', '\r\n') : whole;
  });
const anyChanges = fc
  .record({
    top: fc.record(
      {
        destination: word,
        before: word,
        ignore: fc.array(word, { maxLength: 3 }),
        verbose: fc.constant(new PlainScalar('boolean', 'true')),
      },
      { requiredKeys: [] },
    ),
    app: fc.record(
      { 'app-name': word, environment: fc.array(word, { maxLength: 3 }) },
      { requiredKeys: ['app-name'] },
    ),
    hashes: fc.dictionary(
      fc.constantFrom('Dockerfile', 'package.json', 'z.txt'),
      fc.constantFrom(H1, H2, undefined),
      { noNullPrototype: true },
    ),
  })
  .map(changes);
