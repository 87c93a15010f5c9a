import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isEncryptedKey } from '../../../src/transport/ssh/private-key-text.js';
import { shellCommand } from '../../../src/transport/ssh/shell-command.js';
import { sshAlgorithms } from '../../../src/transport/ssh/ssh-algorithms.js';

describe('a shell command', () => {
  it('leaves plain words plain', () => {
    expect(shellCommand(['docker', 'ps', '--filter', 'a=b'])).toBe('docker ps --filter a=b');
  });

  it.each([
    [['a b'], "'a b'"],
    [["it's"], "'it'\\''s'"],
    [['x', ''], "x ''"],
    [['A=1', 'B=2'], "'A=1' B=2"],
    [['x', '~', '*', '$HOME', '`id`'], "x '~' '*' '$HOME' '`id`'"],
  ])('quotes %j', (argv, line) => {
    expect(shellCommand(argv)).toBe(line);
  });

  // Windows has none.
  it.skipIf(process.platform === 'win32')('gives a real shell exactly the words', () => {
    const word = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(fc.array(word, { maxLength: 4 }), (words) => {
        const line = shellCommand(['printf', '%s\\0', ...words, 'end']);
        const output = execFileSync('sh', ['-c', line], { encoding: 'utf8' });
        expect(output).toBe([...words, 'end', ''].join('\0'));
      }),
      { numRuns: 40 },
    );
  });

  it('refuses what no shell can take', () => {
    expect(() => shellCommand(['a\0b'])).toThrow(TypeError);
  });
});

describe('a private key', () => {
  const openssh = (cipher: string): string => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(cipher.length);
    const bytes = Buffer.concat([
      Buffer.from('openssh-key-v1\0'),
      length,
      Buffer.from(cipher),
      Buffer.alloc(80, 7),
    ]);
    return `-----BEGIN OPENSSH PRIVATE KEY-----\n${bytes.toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`;
  };

  it.each([
    ['OpenSSH format', openssh('aes256-ctr')],
    ['PEM', '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n'],
    ['PKCS 8', '-----BEGIN ENCRYPTED PRIVATE KEY-----\n'],
    ['PuTTY', 'PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: aes256-cbc\n'],
  ])('in %s needs a passphrase', (_format, text) => {
    expect(isEncryptedKey(text)).toBe(true);
  });

  it.each([
    ['OpenSSH format', openssh('none')],
    ['PEM', '-----BEGIN RSA PRIVATE KEY-----\nMIIE\n'],
    ['PuTTY', 'PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n'],
    ['no format at all', 'hello'],
    ['a hostile length', '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END'],
  ])('in %s needs none', (_format, text) => {
    expect(isEncryptedKey(text)).toBe(false);
  });
});

describe('the algorithms', () => {
  it('put the stored type of key first, in all ways that it can sign', () => {
    expect(sshAlgorithms(['ssh-rsa']).serverHostKey).toEqual([
      'rsa-sha2-512',
      'rsa-sha2-256',
      'ssh-rsa',
      'ssh-ed25519',
      'ecdsa-sha2-nistp256',
      'ecdsa-sha2-nistp384',
      'ecdsa-sha2-nistp521',
      'ssh-dss',
    ]);
  });

  it('never prefer what only old servers know', () => {
    expect(sshAlgorithms([])).toMatchObject({
      kex: { prepend: [] },
      cipher: { prepend: [] },
      hmac: { prepend: [] },
    });
  });
});
