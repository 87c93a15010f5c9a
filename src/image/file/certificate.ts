import { X509Certificate } from 'node:crypto';
import { ExitCode, RdtError } from '../../errors.js';

/** The one certificate in a PEM or DER file, as DER. Throws an `RdtError` (usage) that names `file` for none, or several. */
export function readCertificate(content: Buffer, file: string): Buffer {
  const count = content.toString('latin1').split('-----BEGIN CERTIFICATE-----').length - 1;
  if (count > 1) {
    throw new RdtError(`${file}: there are ${count} certificates in it, and there must be one`, {
      hint: 'Give the certificate of the authority that signed the one of the Wi-Fi server.',
      exitCode: ExitCode.usage,
    });
  }
  try {
    return new X509Certificate(content).raw;
  } catch (cause) {
    throw new RdtError(`${file}: this is not a certificate (PEM or DER)`, {
      exitCode: ExitCode.usage,
      cause,
    });
  }
}
