import { Client } from 'ssh2';
import { sshAlgorithms } from './ssh-algorithms.js';

/**
 * The public host key that an ssh server proves to own, in the wire form of RFC 4253, 6.6; undefined when it shows none before
 * the signal is aborted. The key exchange is the end of it: nobody logs in. Never rejects.
 */
export function readSshHostKey(
  address: string,
  port: number,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const client = new Client();
    const finish = (key: Buffer | undefined) => {
      signal.removeEventListener('abort', giveUp);
      resolve(key);
      client.destroy();
    };
    const giveUp = () => finish(undefined);
    signal.addEventListener('abort', giveUp);
    client.on('error', giveUp).on('close', giveUp);
    client.connect({
      host: address,
      port,
      username: 'root',
      algorithms: sshAlgorithms([]),
      hostVerifier: (key: Buffer) => {
        finish(key);
        return false;
      },
    });
    if (signal.aborted) giveUp();
  });
}
