import { benchPush } from './push.js';

const BENCHES: Readonly<Record<string, (rounds: number) => Promise<void>>> = { push: benchPush };

const [name = 'push', rounds = '5'] = process.argv.slice(2);
const bench = BENCHES[name];
if (bench === undefined)
  throw new Error(`there is no bench ${name}; there is ${Object.keys(BENCHES).join(', ')}`);
await bench(Number(rounds));
