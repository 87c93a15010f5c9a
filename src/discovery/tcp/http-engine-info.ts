import type { EngineInfo } from '../../transport/engine.js';
import type { TcpEngine } from '../device.js';
import type { EngineInfoAnswer, EngineInfoReader } from '../machine-identity.js';
import { printable } from '../printable.js';
import { httpGet } from './http-get.js';

/** `/info` is 2 to 10 KB, more with many plugins and registries. */
const INFO_BYTES = 1 << 20;

/** Reads `/info` without an API version in the path, which every engine understands. */
export class HttpEngineInfoReader implements EngineInfoReader {
  async read({ host, port }: TcpEngine, signal: AbortSignal): Promise<EngineInfoAnswer> {
    const answer = await httpGet({ address: host, port, path: '/info', maxBytes: INFO_BYTES }, signal);
    if (answer.type === 'failed') return answer;
    const info = answer.status === 200 ? parseInfo(answer.body) : undefined;
    return info === undefined ? { type: 'failed', failure: 'garbage' } : { type: 'info', info };
  }
}

function parseInfo(body: string): EngineInfo | undefined {
  const value = parseJson(body);
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(value));
  const text = (key: string): string => {
    const field = fields.get(key);
    return typeof field === 'string' ? printable(field) : '';
  };
  const running = fields.get('ContainersRunning');
  return {
    id: text('ID'),
    version: text('ServerVersion'),
    architecture: text('Architecture'),
    hostname: text('Name'),
    operatingSystem: text('OperatingSystem'),
    runningContainers: typeof running === 'number' && Number.isSafeInteger(running) ? running : 0,
  };
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined; // not an engine's answer, and said so by the caller
  }
}
