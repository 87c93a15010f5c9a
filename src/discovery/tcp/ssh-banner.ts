import { connect } from 'node:net';
import type { SshKnock } from '../knocker.js';
import { knockFailure } from './knock-failure.js';

/** A server may send other lines before its version (RFC 4253, 4.2); this much of them is read. */
const MAX_BYTES = 8192;
/** It may arrive in pieces, and is not whole before its end. */
const VERSION_LINE = /^(SSH-[^\r\n]*)[\r\n]/m;

/** Reads the version line of an ssh server. Never rejects; an aborted signal settles it at once. */
export function readSshBanner(address: string, port: number, signal: AbortSignal): Promise<SshKnock> {
  return new Promise((resolve) => {
    let connected = false;
    let received = '';
    const finish = (knock: SshKnock) => {
      resolve(knock);
      socket.destroy();
    };
    const socket = connect({ host: address, port, signal });
    socket.once('connect', () => (connected = true));
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
      const line = VERSION_LINE.exec(received)?.[1];
      if (line !== undefined) finish({ type: 'ssh', banner: line });
      else if (received.length > MAX_BYTES) finish({ type: 'failed', failure: 'garbage' });
    });
    socket.on('error', (error) => {
      const cutShort = connected ? 'silent' : 'timeout';
      finish({ type: 'failed', failure: signal.aborted ? cutShort : knockFailure(error) });
    });
    socket.once('close', () => finish({ type: 'failed', failure: received === '' ? 'reset' : 'garbage' }));
  });
}
