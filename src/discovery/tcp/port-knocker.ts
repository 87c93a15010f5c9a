import type { EngineKnock, Knocker, SshKnock } from '../knocker.js';
import { httpGet } from './http-get.js';
import { readSshBanner } from './ssh-banner.js';

/** Enough for `OK`, too little for a web page. */
const PING_BYTES = 64;

export class PortKnocker implements Knocker {
  async engine(address: string, port: number, signal: AbortSignal): Promise<EngineKnock> {
    const answer = await httpGet({ address, port, path: '/_ping', maxBytes: PING_BYTES }, signal);
    if (answer.type === 'failed') return answer;
    if (answer.status !== 200 || answer.body.trim() !== 'OK') return { type: 'failed', failure: 'garbage' };
    const version = answer.headers['api-version'];
    const apiVersion = typeof version === 'string' && /^\d+\.\d+$/.test(version) ? version : undefined;
    return { type: 'engine', apiVersion };
  }

  ssh(address: string, port: number, signal: AbortSignal): Promise<SshKnock> {
    return readSshBanner(address, port, signal);
  }
}
