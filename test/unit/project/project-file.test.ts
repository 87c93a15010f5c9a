import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ExitCode, RdtError } from '../../../src/errors.js';
import { changesAfterPush, type ProjectChanges } from '../../../src/project/project-changes.js';
import { describeProblem } from '../../../src/project/problem.js';
import { defaultSettings, type GivenSettings, resolveSettings } from '../../../src/project/settings.js';
import { readProjectFile } from '../../../src/project/yaml/read-project-file.js';
import { replaceFile } from '../../../src/project/yaml/replace-file.js';
import { assertSavable, saveProjectFile } from '../../../src/project/yaml/save-project-file.js';
import { canLink } from '../can-link.js';

const HASH = 'ab'.repeat(32);

let source: string;
let file: string;
beforeEach(() => {
  source = realpathSync(mkdtempSync(join(tmpdir(), 'rdt-project-')));
  file = join(source, '.resin-sync.yml');
});
afterEach(() => rmSync(source, { recursive: true, force: true }));

const put = (text: string | Buffer, path = file): void => writeFileSync(path, text);

/** The error's message and further lines, without the folder. */
async function complaints(text: string | Buffer): Promise<string[]> {
  put(text);
  const error: unknown = await readProjectFile(source).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof RdtError)) throw new Error('was not refused');
  expect(error.exitCode).toBe(ExitCode.usage);
  return [error.message, ...(error.hint?.split('\n') ?? [])].map((line) =>
    line.replaceAll(`${source}${sep}`, ''),
  );
}

async function warnings(text: string): Promise<string[]> {
  put(text);
  const project = await readProjectFile(source);
  return project.warnings.map((warning) => describeProblem(warning).replaceAll(`${source}${sep}`, ''));
}

const app = (lines: string): string => `local_resinos:\n${lines.replace(/^/gm, '  ')}\n`;

async function settingsOf(text: string): Promise<GivenSettings> {
  put(text);
  return (await readProjectFile(source)).settings;
}

describe('reading', () => {
  it('takes the documented file word by word', async () => {
    put(
      `${app(`app-name: myapp\nbuild-triggers:\n  - Dockerfile: ${HASH}\n  - package.json: ${HASH.toUpperCase()}\nenvironment: []`)}destination: /usr/src/app\nbefore: echo Hello\nafter: echo Done\nignore:\n  - .git\n  - node_modules/\n`,
    );
    const project = await readProjectFile(source);
    expect(project).toMatchObject({
      path: file,
      exists: true,
      warnings: [],
      triggers: [
        { path: 'Dockerfile', sha256: HASH },
        { path: 'package.json', sha256: HASH },
      ],
    });
    expect(project.settings).toMatchObject({
      appName: 'myapp',
      buildTriggers: ['Dockerfile', 'package.json'],
      environment: [],
      destination: '/usr/src/app',
      before: 'echo Hello',
      after: 'echo Done',
      ignore: ['.git', 'node_modules/'],
    });
  });

  it('takes rules for what changes, with one path or several', async () => {
    const { onChange } = await settingsOf(
      app(
        'on-change:\n  - paths: [migrations/**, "!*.md"]\n    run: npm run migrate\n  - { paths: a.txt, run: b }',
      ),
    );
    expect(onChange).toEqual([
      { paths: ['migrations/**', '!*.md'], run: 'npm run migrate' },
      { paths: ['a.txt'], run: 'b' },
    ]);
  });

  it.each([
    ['on-change: yes', '2:14: on-change must be a list, and is a text'],
    ['on-change: [x]', '2:15: item 1 of on-change must be a map with paths and run, and is a text'],
    ['on-change: [{ run: x }]', 'paths'],
    ['on-change: [{ paths: [], run: x }]', 'paths must not be empty'],
    ['on-change: [{ paths: a, run: "" }]', 'run must not be empty'],
    ['on-change: [{ paths: a }]', 'run must be a text'],
    ['on-change: [{ paths: ../a, run: x }]', 'lies outside the source folder'],
  ])('refuses %s', async (lines, complaint) => {
    expect((await complaints(app(lines))).join('\n')).toContain(complaint);
  });

  it('warns of a key in a rule that it does not know', async () => {
    expect(await warnings(app('on-change: [{ paths: a, run: x, runs: y }]'))).toEqual([
      expect.stringContaining("unknown key 'runs' is ignored; did you mean 'run'?") as string,
    ]);
  });

  it.each([
    "['80', '80', '81']",
    "['8081:80', '8081:80/udp', '8082:80']",
    "['127.0.0.1:8081:80', '127.0.0.2:8081:81', '[::]:8081:82', '0.0.0.0:8082:80']",
  ])('takes the ports %s, no two of which are the same of the device', async (ports) => {
    expect((await settingsOf(app(`ports: ${ports}`))).ports?.length).toBe(ports.split(',').length);
  });

  it('takes every further key', async () => {
    const settings = await settingsOf(
      `${app('ports: [8080:80]\nvolumes: [data:/data]\ndevices: [/dev/i2c-1]\nprivileged: false\nnetwork: bridge\ntty: false\nrestart-policy: no\nrestart: signal:HUP\nstop-grace: 1.5\ncommand: node "a b"\nenvironment: { A: 1.10, B: "", C: True }')}progress: true\nverbose: FALSE\nskip-gitignore: true\nskip-logs: true\n`,
    );
    expect(settings).toMatchObject({
      ports: [{ containerPort: 80, hostPort: 8080 }],
      volumes: [{ source: 'data', target: '/data' }],
      devices: [{ hostPath: '/dev/i2c-1' }],
      privileged: false,
      network: 'bridge',
      tty: false,
      restartPolicy: { kind: 'no' },
      afterSync: { kind: 'signal', signal: 'SIGHUP' },
      stopGraceMs: 1500,
      command: ['node', 'a b'],
      environment: [
        { name: 'A', value: '1.10' },
        { name: 'B', value: '' },
        { name: 'C', value: 'True' },
      ],
      progress: true,
      verbose: false,
      skipGitignore: true,
      skipLogs: true,
    });
  });

  it("takes the engine's policy from the key restart as well", async () => {
    expect((await settingsOf(app('restart: unless-stopped'))).restartPolicy).toEqual({
      kind: 'unless-stopped',
    });
  });

  it('takes no text for a number and no number for a text that it is not', async () => {
    expect(await settingsOf(app('app-name: 2048\ncommand: [sleep, 1e3]'))).toMatchObject({
      appName: '2048',
      command: ['sleep', '1e3'],
    });
  });

  it('hears nothing in an empty file, an empty section and an empty key', async () => {
    for (const text of ['', '# only this\n', 'local_resinos:\n', 'ignore:\nbefore: ~\n']) {
      expect(Object.values(await settingsOf(text)).filter((value) => value !== undefined)).toEqual([]);
    }
  });

  it('finds nothing in a folder without one, and names the one that a save creates', async () => {
    expect(await readProjectFile(source)).toMatchObject({
      path: file,
      exists: false,
      settings: {},
      triggers: undefined,
      warnings: [],
    });
  });

  it('refuses a folder that is none before it says anything of a project', async () => {
    await expect(readProjectFile(join(source, 'nope'))).rejects.toMatchObject({
      exitCode: ExitCode.usage,
      message: `There is no folder ${join(source, 'nope')}.`,
    });
    put('FROM busybox\n', join(source, 'Dockerfile'));
    await expect(readProjectFile(join(source, 'Dockerfile'))).rejects.toMatchObject({
      exitCode: ExitCode.usage,
      message: `${join(source, 'Dockerfile')} is no folder.`,
    });
  });

  it('takes the newer name and section of the same format', async () => {
    put('local_balenaos:\n  app-name: newer\n', join(source, '.balena-sync.yml'));
    expect(await readProjectFile(source)).toMatchObject({
      section: 'local_balenaos',
      settings: { appName: 'newer' },
      path: join(source, '.balena-sync.yml'),
    });
    expect(await warnings('local_balenaos:\n  app-name: older\n')).toEqual([
      '.balena-sync.yml:1:1: is ignored, because .resin-sync.yml is there too',
    ]);
    expect((await readProjectFile(source)).settings.appName).toBe('older');
  });

  it('accepts triggers without a hash, as written by hand or after one was missing', async () => {
    put(app('build-triggers: [a.txt, ./b.txt: , c.txt: null]'));
    expect((await readProjectFile(source)).triggers).toEqual(
      ['a.txt', 'b.txt', 'c.txt'].map((path) => ({ path, sha256: undefined })),
    );
  });

  it('reads UTF-8 with a byte order mark and Windows line ends', async () => {
    expect((await settingsOf('\uFEFFbefore: "ä"\r\nafter: b\r\n')).before).toBe('ä');
  });
});

describe('a mistake is named with its file, line and column', () => {
  it.each<[string, string]>([
    [
      'destination: /\n',
      '.resin-sync.yml:1:14: destination must not be /: a sync would replace the files of the whole container',
    ],
    [
      '\n\ndestination: app\n',
      ".resin-sync.yml:3:14: destination must be an absolute path in the container, not 'app'",
    ],
    ['before: 5\n', '.resin-sync.yml:1:9: before must be a text, and is a number'],
    ['verbose: "no"\n', '.resin-sync.yml:1:10: verbose must be true or false, and is a text'],
    ['ignore: a\n', '.resin-sync.yml:1:9: ignore must be a list, and is a text'],
    [
      'ignore:\n  - a\n  - ../b\n',
      ".resin-sync.yml:3:5: item 2 of ignore lies outside the source folder: '../b'",
    ],
    ['ignore: [a, {b: c}]\n', '.resin-sync.yml:1:13: item 2 of ignore must be a text, and is a map'],
    ['local_resinos: yes\n', '.resin-sync.yml:1:16: local_resinos must be a map of keys, and is a text'],
    ['- a\n', '.resin-sync.yml:1:1: the file must be a map of keys, and is a list'],
    [
      app('app-name: My App'),
      ".resin-sync.yml:2:13: app-name must be lower-case letters, digits and single dashes between them, not 'My App'",
    ],
    [
      app('environment:\n  - A=1\n  - hunter2'),
      '.resin-sync.yml:4:7: item 2 of environment must be KEY=VALUE',
    ],
    [app('environment:\n  A:'), '.resin-sync.yml:3:5: A is empty; write "" for a variable without a value'],
    [app('ports: [99999]'), ".resin-sync.yml:2:11: item 1 of ports has a port outside 1-65535: '99999'"],
    ...[
      ['8081:80', '8081:81'],
      ['8081:80', '8081:80'],
      ['8081:80', '127.0.0.1:8081:81'],
      ['0.0.0.0:8081:80', '127.0.0.1:8081:81'],
      ['[::1]:8081:80', '8081:81'],
      ['8081:80/udp', '8081:81/udp'],
    ].map(([one, other]): [string, string] => [
      app(`ports: ['80', '${one}', '${other}']`),
      `.resin-sync.yml:2:10: ports would give the app port 8081 of the device twice: ${one} and ${other}`,
    ]),
    [
      app('ports: [8000-8002:9000-9002, 8001:80]'),
      '.resin-sync.yml:2:10: ports would give the app port 8001 of the device twice: 8001:9001 and 8001:80',
    ],
    [
      app('volumes: [/data]'),
      ".resin-sync.yml:2:13: item 1 of volumes must be source:target[:ro], not '/data'",
    ],
    [
      app('devices: [i2c]'),
      ".resin-sync.yml:2:13: item 1 of devices must be /dev/x[:/dev/y][:rwm], not 'i2c'",
    ],
    [
      app('network: a b'),
      ".resin-sync.yml:2:12: network must be host, bridge, none, container:<name> or a network's name, not 'a b'",
    ],
    [app('command: []'), '.resin-sync.yml:2:12: command must not be empty'],
    [
      app('stop-grace: soon'),
      ".resin-sync.yml:2:15: stop-grace must be a time such as 500ms or 2s, not 'soon'",
    ],
    [app('build-triggers: Dockerfile'), '.resin-sync.yml:2:19: build-triggers must be a list, and is a text'],
    [
      app('build-triggers:\n  - ../x: 1'),
      ".resin-sync.yml:3:7: item 1 of build-triggers lies outside the source folder: '../x'",
    ],
    [
      app('build-triggers:\n  - x: abc'),
      '.resin-sync.yml:3:10: x must be a sha256 of 64 hex digits; remove the hash to build again',
    ],
    [
      app(`build-triggers:\n  - x: ${HASH}\n    y: ${HASH}`),
      '.resin-sync.yml:3:7: item 1 of build-triggers must be one path with its hash',
    ],
    [
      app('restart: always\nrestart-policy: no'),
      ".resin-sync.yml:2:12: restart is 'always', but restart-policy says 'no': keep one of them",
    ],
    ['a: 1\na: 2\n', '.resin-sync.yml:2:1: duplicated mapping key'],
    ['a: !shell rm\n', '.resin-sync.yml:1:13: unknown tag !<!shell>'],
  ])('%j', async (text, message) => {
    expect((await complaints(text))[0]).toBe(message);
  });

  it('and all mistakes at once, in the order of the file', async () => {
    expect(
      (await complaints('before: 5\nafter: []\ndestination: x\n')).map((line) => line.slice(0, 24)),
    ).toEqual(['.resin-sync.yml:1:9: bef', '.resin-sync.yml:2:8: aft', '.resin-sync.yml:3:14: de']);
  });

  it('also when the file is no YAML, no text, too large or a folder', async () => {
    expect((await complaints('a: [\n'))[0]).toMatch(/^\.resin-sync\.yml:2:1: unexpected end/);
    expect((await complaints('a: 1\n---\nb: 1\n'))[0]).toMatch(/expected a single document/);
    expect((await complaints(Buffer.from('before: a\n', 'utf16le')))[0]).toMatch(/null byte/);
    expect((await complaints(Buffer.from([0x61, 0xff])))[0]).toBe('.resin-sync.yml: is not UTF-8 text');
    expect((await complaints(Buffer.alloc(1024 * 1024 + 1, '#')))[0]).toMatch(/larger than 1 MiB/);
    rmSync(file);
    mkdirSync(file);
    await expect(readProjectFile(source)).rejects.toMatchObject({
      message: expect.stringContaining('.resin-sync.yml: cannot be read (no file)') as string,
      hint: 'Make it a file that you can read.',
    });
  });

  it('before anything grows: aliases are not copied, and there are no merge keys', async () => {
    const bomb = [
      'a: &a [x, x]',
      ...Array.from(
        'bcdefghijklmnopqrstuvwxyz',
        (key, i) => `${key}: &${key} [${`*${'abcdefghijklmnopqrstuvwxyz'[i]}, `.repeat(9)}x]`,
      ),
    ];
    expect(await complaints(`${bomb.join('\n')}\nignore: *z\n`)).toHaveLength(9);
    expect(await warnings('<<: { destination: / }\n')).toEqual([
      ".resin-sync.yml:1:1: unknown key '<<' is ignored",
    ]);
  });
});

describe('a warning', () => {
  it.each<[string, string]>([
    [
      'destinaton: /a\n',
      ".resin-sync.yml:1:1: unknown key 'destinaton' is ignored; did you mean 'destination'?",
    ],
    [
      'skip_gitignore: true\n',
      ".resin-sync.yml:1:1: unknown key 'skip_gitignore' is ignored; did you mean 'skip-gitignore'?",
    ],
    [
      'local_resinOS:\n  app-name: a\n',
      ".resin-sync.yml:1:1: unknown key 'local_resinOS' is ignored; did you mean 'local_resinos'?",
    ],
    ['a: 1\nfavourite-colour: blue\n', ".resin-sync.yml:1:1: unknown key 'a' is ignored"],
    ['app-name: x\n', ".resin-sync.yml:1:1: 'app-name' is ignored here: it belongs under local_resinos"],
    [
      'source: .\n',
      ".resin-sync.yml:1:1: 'source' is ignored here: the source is the folder of this file; choose another with --source",
    ],
    [app('app_nmae: x'), ".resin-sync.yml:2:3: unknown key 'app_nmae' is ignored; did you mean 'app-name'?"],
    [
      app('ignore: [a]'),
      ".resin-sync.yml:2:3: 'ignore' is ignored here: it belongs at the top of the file, outside local_resinos",
    ],
    [app('ports: [80]\nnetwork: host'), '.resin-sync.yml:2:3: ports have no effect with network: host'],
    [
      app('ports: [8081:80, 8081:81]\nnetwork: host'),
      '.resin-sync.yml:2:3: ports have no effect with network: host',
    ],
    [
      app('environment: [A=1, A=2]'),
      '.resin-sync.yml:2:16: environment names a variable twice: the last value counts',
    ],
    [
      'local_resinos: {}\nlocal_balenaos: {}\n',
      '.resin-sync.yml:2:1: local_balenaos is ignored, because this file has local_resinos too',
    ],
  ])('%j', async (text, message) => {
    expect((await warnings(text))[0]).toBe(message);
  });

  it('is not given for what resin sync keeps in the same file', async () => {
    expect(await warnings('uuid: 7cf02a6\nport: 22222\n')).toEqual([]);
  });
});

const changes = (flags: GivenSettings = {}, file: GivenSettings = {}): ProjectChanges =>
  changesAfterPush(
    resolveSettings({ appName: 'myapp', ...flags }, file, defaultSettings, { source }),
    new Map([['Dockerfile', HASH]]),
  );

const SAVED = app(`app-name: myapp\nbuild-triggers:\n  - Dockerfile: ${HASH}\nenvironment: []`);

describe('saving', () => {
  it('creates the file, and the same again changes nothing', async () => {
    expect(await saveProjectFile(await readProjectFile(source), changes())).toBe('created');
    expect(readFileSync(file, 'utf8')).toBe(SAVED);
    utimesSync(file, 1, 1);
    expect(await saveProjectFile(await readProjectFile(source), changes())).toBe('unchanged');
    expect(statSync(file).mtimeMs).toBe(1000);
    expect(readdirSync(source)).toEqual(['.resin-sync.yml']);
  });

  it('what was saved is what is read', async () => {
    const flags: GivenSettings = {
      destination: '/a',
      before: 'echo "x" # y',
      ignore: ['#a', '*.log'],
      environment: [{ name: 'A', value: 'x: y' }],
      verbose: true,
    };
    await saveProjectFile(await readProjectFile(source), changes(flags));
    expect((await readProjectFile(source)).settings).toMatchObject(flags);
  });

  it('sets only our keys in what somebody else wrote meanwhile', async () => {
    put('before: old # mine\n');
    const project = await readProjectFile(source);
    put('before: new # mine\nextra: 1\n');
    expect(await saveProjectFile(project, changes())).toBe('changed');
    expect(readFileSync(file, 'utf8')).toBe(
      `before: new # mine\nextra: 1\n${SAVED.replace('  environment: []\n', '')}`,
    );
  });

  it('does not write over a file that was broken meanwhile', async () => {
    const project = await readProjectFile(source);
    for (const broken of ['a: [\n', '- a\n']) {
      put(broken);
      await expect(saveProjectFile(project, changes())).rejects.toMatchObject({
        name: 'RdtError',
        exitCode: ExitCode.failure,
        hint: expect.stringContaining('The push itself succeeded') as string,
      });
      expect(readFileSync(file, 'utf8')).toBe(broken);
    }
  });

  it.skipIf(!canLink)('keeps the mode, and goes through a link', async () => {
    const real = join(source, 'real.yml');
    put('before: a\n', real);
    chmodSync(real, 0o640);
    symlinkSync('real.yml', file);
    await saveProjectFile(await readProjectFile(source), changes());
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    if (process.platform !== 'win32') expect(statSync(real).mode & 0o777).toBe(0o640);
    expect(readFileSync(real, 'utf8')).toContain('app-name: myapp');
  });

  it.skipIf(!canLink)('goes through a link to a file that does not exist yet', async () => {
    mkdirSync(join(source, 'sub'));
    symlinkSync('sub/real.yml', file);
    await saveProjectFile(await readProjectFile(source), changes());
    expect(readFileSync(join(source, 'sub/real.yml'), 'utf8')).toBe(SAVED);
  });

  const unnamed = (file: GivenSettings): ProjectChanges =>
    changesAfterPush(resolveSettings({}, file, defaultSettings, { source }), new Map([['Dockerfile', HASH]]));

  it.each([
    ['the file had another one', { appName: 'old' }],
    ['it had none', {}],
  ])("leaves an app's name that was written during the push: %s", async (_what, before) => {
    put('local_resinos:\n  app-name: new\n');
    await saveProjectFile(await readProjectFile(source), unnamed(before));
    expect(readFileSync(file, 'utf8')).toMatch(/^local_resinos:\n {2}app-name: new\n {2}build-triggers:\n/);
  });

  it("writes the app's name that a push has chosen itself", async () => {
    put('local_resinos:\n  app-name:\n');
    await saveProjectFile(await readProjectFile(source), unnamed({}));
    expect(readFileSync(file, 'utf8')).toMatch(/^local_resinos:\n {2}app-name: rdt-project-/);
  });

  it('says when it cannot', async () => {
    put('local_resinos:\n  app-name: &x old\nmine: *x\n');
    await expect(saveProjectFile(await readProjectFile(source), changes())).rejects.toThrow(
      'laid out in a way',
    );
    rmSync(source, { recursive: true });
    await expect(
      saveProjectFile(
        {
          path: file,
          exists: false,
          section: 'local_resinos',
          settings: {},
          triggers: undefined,
          warnings: [],
        },
        changes(),
      ),
    ).rejects.toThrow('cannot be written');
  });
});

describe('asked before a push whether it can be saved', () => {
  it('says yes and writes nothing, where there is a file and where there is none', async () => {
    await assertSavable(await readProjectFile(source), changes());
    expect(readdirSync(source)).toEqual([]);
    put('before: a\n');
    await assertSavable(await readProjectFile(source), changes());
    expect(readdirSync(source)).toEqual(['.resin-sync.yml']);
    expect(readFileSync(file, 'utf8')).toBe('before: a\n');
  });

  it('says no for a file that is laid out too oddly', async () => {
    put('local_resinos:\n  app-name: &x old\nmine: *x\n');
    await expect(assertSavable(await readProjectFile(source), changes())).rejects.toThrow(
      'laid out in a way',
    );
  });

  it.skipIf(!canLink)('says no for a link into a folder that is not there, and what to do', async () => {
    symlinkSync('nowhere/real.yml', file);
    await expect(assertSavable(await readProjectFile(source), changes())).rejects.toMatchObject({
      message: `${file} cannot be written (ENOENT)`,
      hint: expect.stringContaining('in a folder that you can write in') as string,
    });
  });
});

describe('replacing a file', () => {
  it('does nothing when it has another content than expected', async () => {
    put('theirs');
    expect(await replaceFile(file, 'old', 'ours')).toBe(false);
    expect(await replaceFile(file, undefined, 'ours')).toBe(false);
    expect(readFileSync(file, 'utf8')).toBe('theirs');
    expect(readdirSync(source)).toEqual(['.resin-sync.yml']);
  });

  it.runIf(process.getuid?.() === 0)('leaves it to its owner when root writes', async () => {
    const { chownSync } = await import('node:fs');
    chownSync(source, 1234, 1234);
    await replaceFile(file, undefined, 'ours');
    expect(statSync(file).uid).toBe(1234);
  });
});
