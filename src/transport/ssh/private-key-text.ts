const OPENSSH_KEY = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*?)-----END/;
const MAGIC = 'openssh-key-v1\0';
const PUTTY_ENCRYPTION = /^Encryption: *(\S+)/m;

/** Whether a private key file needs a passphrase, told by its format and not by the failure to read it. */
export const isEncryptedKey = (text: string): boolean => {
  if (/^Proc-Type: 4,ENCRYPTED/m.test(text) || text.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----'))
    return true;
  const puttys = PUTTY_ENCRYPTION.exec(text)?.[1];
  if (puttys !== undefined) return puttys !== 'none';
  return opensshCipher(text) !== 'none';
};

/** The first field after the magic is the cipher's name; `none` for any other format. */
const opensshCipher = (text: string): string => {
  const bytes = Buffer.from(OPENSSH_KEY.exec(text)?.[1] ?? '', 'base64');
  if (bytes.toString('latin1', 0, MAGIC.length) !== MAGIC || bytes.length < MAGIC.length + 4) return 'none';
  const start = MAGIC.length + 4;
  return bytes.toString('latin1', start, start + bytes.readUInt32BE(MAGIC.length));
};
