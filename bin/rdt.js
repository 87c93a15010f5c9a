#!/usr/bin/env node
// @ts-check
'use strict';
// CommonJS, and without Node's own loader for the bundle: docs/decisions/0001-bundle.md tells what that saves.
const { readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname, join } = require('node:path');
const { constants, Script } = require('node:vm');
const { codeCacheOf } = require('./code-cache.js');

const file = join(__dirname, '..', 'dist', 'main.cjs');
// ASCII (scripts/bundle.mjs): a string of one byte a character, and quicker read than UTF-8.
const source = readFileSync(file, 'latin1');
const cache = codeCacheOf(source);
const script = new Script(source, {
  filename: file,
  cachedData: cache.load(),
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});
process.once('exit', () => cache.save(script));
script.runInThisContext()(createRequire(file), file, dirname(file));
