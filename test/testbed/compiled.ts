import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mustRun } from './program.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));

/** What is slow to make and never changes for the same sources: compiled programs and images. Not under version control. */
const CACHE_FOLDER = fileURLToPath(new URL('../../.cache/testbed/', import.meta.url));

/** The path of one of the C programs beside this file, compiled when its source is new. */
export async function compiled(program: 'tunlink' | 'scratch-app'): Promise<string> {
  const source = join(HERE, `${program}.c`);
  return cached(program, readFileSync(source), (target) =>
    mustRun(['cc', '-O2', '-Wall', '-Wextra', '-static', '-o', target, source]),
  );
}

/**
 * The cache's file for `name` and `contents`; when it is missing, `make` writes it to the path that it is given. Two
 * processes may make the same file at the same time: each writes its own and the rename decides.
 */
export async function cached(
  name: string,
  contents: string | Uint8Array,
  make: (target: string, workFolder: string) => Promise<unknown>,
): Promise<string> {
  const hash = createHash('sha256').update(contents).digest('hex').slice(0, 12);
  const file = join(CACHE_FOLDER, `${name}-${hash}`);
  if (existsSync(file)) return file;
  mkdirSync(CACHE_FOLDER, { recursive: true });
  const workFolder = mkdtempSync(join(CACHE_FOLDER, 'making-'));
  try {
    const target = join(workFolder, 'result');
    await make(target, workFolder);
    renameSync(target, file);
  } finally {
    rmSync(workFolder, { recursive: true, force: true });
  }
  return file;
}
