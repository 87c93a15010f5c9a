import { benchFlash } from './flash.js';
import { benchLogs } from './logs.js';
import { benchPush } from './push.js';
import { benchStart } from './start.js';
import { benchWatch } from './watch.js';

const BENCHES: Readonly<Record<string, (rounds: number, parts: readonly string[]) => Promise<void>>> = {
  flash: benchFlash,
  logs: benchLogs,
  push: benchPush,
  start: benchStart,
  watch: benchWatch,
};

// npm run bench -- push 5 lan wifi first: five rounds, these links and this part only
const [name = 'push', rounds = '5', ...parts] = process.argv.slice(2);
const bench = BENCHES[name];
if (bench === undefined)
  throw new Error(`there is no bench ${name}; there is ${Object.keys(BENCHES).join(', ')}`);
await bench(Number(rounds), parts);
