import { copyFileSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cached, compiled } from './compiled.js';
import { mustRun, runProgram } from './program.js';

/**
 * Images that a device can start with, since no registry can be reached:
 * - `busybox`: `busybox:latest`, a shell and the usual small programs
 * - `node`: `node:20` (whatever version this host runs), the same with Node, without npm
 * - `gnu`: `gnu:latest`, dash and the GNU programs of this host, whose tar and xargs differ from busybox's
 * - `scratch-app`: `scratch-app:latest`, one static program /app (see scratch-app.c), no shell, no tar
 */
export type BaseImage = 'busybox' | 'node' | 'gnu' | 'scratch-app';

export const BASE_IMAGES: readonly BaseImage[] = ['busybox', 'node', 'gnu', 'scratch-app'];

/** What the scripts of a sync call, and enough to run an app. */
const GNU_PROGRAMS = [
  'sh',
  'cat',
  'chmod',
  'cp',
  'dd',
  'gzip',
  'ln',
  'ls',
  'mkdir',
  'mv',
  'readlink',
  'rm',
  'rmdir',
  'sha256sum',
  'sleep',
  'stat',
  'tar',
  'touch',
  'xargs',
];

interface Recipe {
  readonly reference: string;
  /** Dockerfile instructions for `docker import --change`. */
  readonly changes: readonly string[];
  /** Whatever makes two roots differ. */
  fingerprint(): Promise<string>;
  fillRoot(root: string): Promise<void>;
}

const RECIPES: Record<BaseImage, Recipe> = {
  busybox: {
    reference: 'busybox:latest',
    changes: ['CMD ["sh"]'],
    fingerprint: () => Promise.resolve(`busybox ${fileFingerprint('/bin/busybox')}`),
    fillRoot: fillBusyboxRoot,
  },
  node: {
    reference: 'node:20',
    changes: ['CMD ["node"]'],
    fingerprint: () => Promise.resolve(`node ${process.version} ${fileFingerprint(process.execPath)}`),
    fillRoot: fillNodeRoot,
  },
  gnu: {
    reference: 'gnu:latest',
    changes: ['CMD ["sh"]'],
    fingerprint: () => Promise.resolve(`gnu ${GNU_PROGRAMS.join(' ')} ${fileFingerprint('/bin/tar')}`),
    fillRoot: fillGnuRoot,
  },
  'scratch-app': {
    reference: 'scratch-app:latest',
    changes: ['CMD ["/app", "log", "/usr/src/app/message"]'],
    fingerprint: async () => fileFingerprint(await compiled('scratch-app')),
    fillRoot: fillScratchRoot,
  },
};

/** The tar of an image's root, made at first use. */
async function imageArchive(image: BaseImage): Promise<string> {
  const recipe = RECIPES[image];
  return cached(`${image}.tar`, await recipe.fingerprint(), async (target, workFolder) => {
    const root = join(workFolder, 'root');
    mkdirSync(root);
    await recipe.fillRoot(root);
    await mustRun(['tar', '--owner=0', '--group=0', '-C', root, '-cf', target, '.']);
  });
}

/** Arguments for the docker client that give the engine this image. */
export async function importArguments(image: BaseImage): Promise<string[]> {
  const { reference, changes } = RECIPES[image];
  return [
    'import',
    ...changes.flatMap((change) => ['--change', change]),
    await imageArchive(image),
    reference,
  ];
}

async function fillBusyboxRoot(root: string): Promise<void> {
  for (const folder of ['bin', 'etc', 'root', 'usr/bin', 'usr/src/app', 'var']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  mkdirSync(join(root, 'tmp'));
  await mustRun(['chmod', '1777', join(root, 'tmp')]);
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'));
  for (const applet of (await mustRun(['/bin/busybox', '--list'])).split('\n')) {
    if (applet !== '' && applet !== 'busybox') symlinkSync('busybox', join(root, 'bin', applet));
  }
  symlinkSync('/bin/env', join(root, 'usr/bin/env'));
  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
  );
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
}

async function fillNodeRoot(root: string): Promise<void> {
  await fillBusyboxRoot(root);
  mkdirSync(join(root, 'usr/local/bin'), { recursive: true });
  const node = join(root, 'usr/local/bin/node');
  copyFileSync(process.execPath, node);
  // Half of the file is symbols. Where there is no strip, the image is just larger.
  if (existsSync('/usr/bin/strip')) await mustRun(['strip', node]);
  await copyLibraries(process.execPath, root);
}

async function fillGnuRoot(root: string): Promise<void> {
  for (const folder of ['bin', 'etc', 'tmp', 'usr/src/app'])
    mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  for (const name of GNU_PROGRAMS) {
    const program = (await mustRun(['sh', '-c', 'command -v "$1"', 'sh', name])).trim();
    // Follows links, as cpSync does not any more in Node 22 and 24.
    copyFileSync(program, join(root, 'bin', name));
    await copyLibraries(program, root);
  }
}

async function copyLibraries(program: string, root: string): Promise<void> {
  for (const library of await librariesOf(program)) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    copyFileSync(library, join(root, library));
  }
}

async function fillScratchRoot(root: string): Promise<void> {
  mkdirSync(join(root, 'usr/src/app'), { recursive: true });
  copyFileSync(await compiled('scratch-app'), join(root, 'app'));
}

/** The files that the dynamic loader would load, the loader among them; none for a static program. */
async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await runProgram(['ldd', program]);
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].flatMap(([, path]) => path ?? []);
}

function fileFingerprint(path: string): string {
  const { size, mtimeMs } = statSync(path);
  return `${size} ${mtimeMs}`;
}
