// Bundles src/ into one file, dist/main.cjs. docs/decisions/0001-bundle.md tells why; types are checked by `npm run check:types`.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');
// Built aside and then exchanged: a command that starts meanwhile finds the old files or the new ones.
const fresh = join(root, 'node_modules', '.cache', `rdt-dist-${process.pid}`);

/** Not bundled: what has native parts, or what no everyday command needs. */
const OUTSIDE = ['ssh2', 'dockerode', 'inquirer', '@inquirer/*', 'chokidar', 'drivelist', 'etcher-sdk'];

const { outputFiles, metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['src/main.ts'],
  outfile: 'dist/main.cjs',
  write: false,
  bundle: true,
  // One file in which `import()` still runs a part when it is first asked for.
  format: 'cjs',
  platform: 'node',
  target: 'node20.19',
  external: OUTSIDE,
  define: { 'import.meta.url': 'bundleUrl' },
  // The function that bin/rdt.js calls.
  banner: {
    js: "(function (require, __filename, __dirname) { const bundleUrl = require('node:url').pathToFileURL(__filename).href;",
  },
  footer: { js: '})' },
  // A third less to read at each start; names, which a stack shows, stay.
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 160,
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
});
const code = outputFiles[0]?.text ?? '';
if (!/^[\0-\x7f]*$/.test(code)) throw new Error('bin/rdt.js reads the bundle as ASCII, which it is not');
const hash = createHash('sha256').update(code).digest('hex').slice(0, 32);

mkdirSync(fresh, { recursive: true });
// bin/code-cache.js knows the bundle by this line.
writeFileSync(join(fresh, 'main.cjs'), `// ${hash}\n${code}`);
writeFileSync(join(fresh, 'licenses.txt'), licenses(Object.keys(metafile.inputs)));
rmSync(dist, { recursive: true, force: true });
renameSync(fresh, dist);

/** The licenses of the packages that are in the bundle ask to be passed on with it. */
function licenses(inputs) {
  const folders = inputs.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]);
  const packages = [...new Set(folders.filter((folder) => folder !== undefined))].sort();
  return packages.map((folder) => licenseOf(join(root, folder))).join('\n');
}

function licenseOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((entry) => /^licen[sc]e/i.test(entry));
  const text = file === undefined ? '' : `\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
  return `${name} ${version} (${license})\n${text}`;
}
