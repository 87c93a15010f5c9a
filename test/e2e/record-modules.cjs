// node --require THIS ...: writes the address of each module that is loaded, a line each, to the file that RECORD_MODULES names.
const { appendFileSync } = require('node:fs');
const { register } = require('node:module');

const hooks = `
  import { appendFileSync } from 'node:fs';
  export async function load(url, context, next) {
    appendFileSync(process.env.RECORD_MODULES, url + '\\n');
    return next(url, context);
  }`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
// What CommonJS modules require goes past the hooks.
process.once('exit', () => appendFileSync(process.env.RECORD_MODULES, Object.keys(require.cache).join('\n')));
