import type { Algorithms, ServerHostKeyAlgorithm } from 'ssh2';

/** ssh2's own choice, best first. */
const HOST_KEYS: readonly ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
  'ssh-rsa',
];

/** An RSA key signs in three ways. */
const signedBy = (algorithm: ServerHostKeyAlgorithm): string =>
  algorithm.startsWith('rsa-sha2-') ? 'ssh-rsa' : algorithm;

/**
 * What to offer: the key types that are stored for the host first, and what only old dropbears know at the very end,
 * where it is never preferred to anything newer.
 */
export const sshAlgorithms = (storedKeyTypes: readonly string[]): Algorithms => {
  const isStored = (algorithm: ServerHostKeyAlgorithm) => storedKeyTypes.includes(signedBy(algorithm));
  return {
    serverHostKey: [
      ...HOST_KEYS.filter(isStored),
      ...HOST_KEYS.filter((algorithm) => !isStored(algorithm)),
      'ssh-dss',
    ],
    kex: {
      append: [
        'diffie-hellman-group-exchange-sha1',
        'diffie-hellman-group14-sha1',
        'diffie-hellman-group1-sha1',
      ],
      prepend: [],
      remove: [],
    },
    cipher: { append: ['aes256-cbc', 'aes128-cbc', '3des-cbc'], prepend: [], remove: [] },
    hmac: { append: ['hmac-sha1-96', 'hmac-md5'], prepend: [], remove: [] },
  };
};
