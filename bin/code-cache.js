// @ts-check
'use strict';
const {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} = require('node:fs');
const { dirname, join } = require('node:path');

/** Each of these has a cache of its own, so that it holds what that command runs, and no more. */
const COMMANDS = ['configure', 'flash', 'known-hosts', 'logs', 'push', 'scan', 'ssh'];
/** V8 keeps the functions that ran: after so many runs of a command nearly all of them have run once. */
const RUNS_THAT_SAVE = 8;
/** Caches of other bundles and other versions of Node go when they have not been added to for so long. */
const KEPT_MS = 7 * 24 * 3600 * 1000;

/**
 * What V8 made of the bundle, kept from run to run: Node 20 has no `module.enableCompileCache()`. A cache that is missing, damaged,
 * somebody else's, or of another bundle, Node or machine only costs the time that it would have saved.
 * @param {string} source of the bundle; its first line carries the hash of the rest
 */
function codeCacheOf(source) {
  const file = cacheFile(source.slice(0, source.indexOf('\n')));
  let earlierRuns = 0;
  let isUsable = false;
  return {
    /** @returns {Buffer | undefined} */
    load() {
      if (file === undefined) return undefined;
      try {
        if (!isOurs(dirname(file))) return undefined;
        isUsable = true;
        if (!isOurs(file)) return undefined;
        const bytes = readFileSync(file);
        earlierRuns = bytes[0] ?? 0;
        return bytes.subarray(1);
      } catch {
        // Not there yet: the first run of this bundle.
        return undefined;
      }
    },
    /** @param {import('node:vm').Script} script */
    save(script) {
      if (file === undefined) return;
      const runs = script.cachedDataRejected === true ? 0 : earlierRuns;
      if (runs >= RUNS_THAT_SAVE) return;
      const fresh = `${file}.${process.pid}`;
      try {
        if (!isUsable) makeFolder(dirname(file));
        if (!isOurs(dirname(file))) return;
        writeFileSync(fresh, Buffer.concat([Buffer.of(runs + 1), script.createCachedData()]), {
          mode: 0o600,
          flag: 'wx',
        });
        renameSync(fresh, file);
      } catch {
        // A full disk, or a home that cannot be written to: the next run is as slow as this one.
        removeLeftover(fresh);
      }
    },
  };
}

/** @param {string} file */
function removeLeftover(file) {
  try {
    rmSync(file, { force: true });
  } catch {
    // A folder that may not even be looked into: nothing of ours is in it.
  }
}

/**
 * @param {string} bundleHash
 * @returns {string | undefined}
 */
function cacheFile(bundleHash) {
  const folder = cacheFolder();
  const hash = /^\/\/ ([0-9a-f]{32})$/.exec(bundleHash)?.[1];
  if (folder === undefined || hash === undefined || process.env.NODE_DISABLE_COMPILE_CACHE) return undefined;
  const command = COMMANDS.find((name) => name === process.argv[2]) ?? 'rdt';
  return join(folder, 'rdt', `${hash}-${process.version}-${process.arch}`, command);
}

/** @param {string} folder */
function makeFolder(folder) {
  const parent = dirname(folder);
  // One by one: on a file system that makes no folders (/proc), Node's `recursive` never ends.
  for (const path of [dirname(parent), parent, folder])
    if (!existsSync(path)) mkdirSync(path, { mode: 0o700 });
  const others = readdirSync(parent).filter((name) => /^[0-9a-f]{32}-v/.test(name));
  for (const other of others) {
    const path = join(parent, other);
    if (Date.now() - statSync(path).mtimeMs > KEPT_MS) rmSync(path, { recursive: true, force: true });
  }
}

/** @returns {string | undefined} */
function cacheFolder() {
  const { XDG_CACHE_HOME: xdg, HOME: home, LOCALAPPDATA: local } = process.env;
  if (process.platform === 'win32') return local || undefined;
  if (xdg?.startsWith('/')) return xdg;
  if (!home?.startsWith('/')) return undefined;
  return process.platform === 'darwin' ? join(home, 'Library', 'Caches') : join(home, '.cache');
}

/**
 * What V8 is given here it runs unseen: as root (`sudo rdt flash`) nothing that another user could have written is taken.
 * @param {string} path
 */
function isOurs(path) {
  const { uid, mode } = statSync(path);
  return process.geteuid === undefined || (uid === process.geteuid() && (mode & 0o022) === 0);
}

module.exports = { codeCacheOf };
