// Bundles src/ into dist/: one file for what every command loads, and one for each part that is loaded when it is needed.
// docs/decisions/0001-bundle.md tells why; types are checked by `npm run check:types`.
import { renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');
// Built aside and then exchanged: a command that starts meanwhile finds the old files or the new ones.
const fresh = join(root, 'node_modules', '.cache', `rdt-dist-${process.pid}`);

await build({
  absWorkingDir: root,
  entryPoints: ['src/main.ts'],
  outdir: fresh,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  chunkNames: '[name]-[hash]',
  legalComments: 'none',
  logLevel: 'warning',
});
rmSync(dist, { recursive: true, force: true });
renameSync(fresh, dist);
