// Brings a fresh machine to where the tests and the demo can run. Plain JavaScript: it runs before anything is installed.
// usage: node scripts/prepare.mjs [--device]      --device: also what a virtual device needs
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { missingPackages, offeredOf } from './debian-packages.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const needsDevice = process.argv.includes('--device');
if (needsDevice) requireDeviceHost();
installNodePackages();
if (needsDevice) installDebianPackages();

/** `npm ci` once for each lock file. */
function installNodePackages() {
  const stamp = join(root, 'node_modules', '.rdt-installed');
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  // npm says where it is: on Windows `npm` is a script that only a shell can run.
  const { npm_execpath: npm } = process.env;
  const command = npm === undefined ? ['npm'] : [process.execPath, npm];
  run(command[0], [...command.slice(1), 'ci', '--no-audit', '--no-fund'], root);
  writeFileSync(stamp, lock);
}

/** Before anything is installed: this machine will never run it. */
function requireDeviceHost() {
  const lacking = whatIsLacking();
  if (lacking !== undefined) {
    console.error(`A virtual device cannot be had here: ${lacking}. \`npm run test:unit\` runs without one.`);
    process.exit(1);
  }
}

function installDebianPackages() {
  const missing = missingPackages(existsSync);
  if (missing.length === 0) return;
  console.error(`installing Debian packages: ${missing.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update', '-q'], '/', env);
  const names = offeredOf(missing, isOffered);
  run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...names], '/', env);
}

/** It prints a line for each version that can be had, and nothing for a name that only other packages know. */
function isOffered(name) {
  return spawnSync('apt-cache', ['madison', name]).stdout?.length > 0;
}

function whatIsLacking() {
  if (process.platform !== 'linux') return `it needs Linux, and this is ${process.platform}`;
  if (process.getuid() !== 0) return 'it needs root (try sudo)';
  if (!existsSync('/usr/bin/apt-get')) return 'it needs Debian, and there is no apt-get';
  if (!isCharacterDevice('/dev/net/tun')) return 'it needs /dev/net/tun';
  return undefined;
}

function isCharacterDevice(path) {
  return existsSync(path) && statSync(path).isCharacterDevice();
}

/** Output goes to stderr, so that the stdout of whoever called stays its own. */
function run(command, args, cwd, env = process.env) {
  const { status, error } = spawnSync(command, args, { cwd, env, stdio: ['ignore', 2, 2] });
  if (status === 0) return;
  console.error(
    `${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ` with status ${status}`}`,
  );
  process.exit(1);
}
