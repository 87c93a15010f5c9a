/**
 * Values of NetworkManager keyfiles. Strings are escaped as glib's GKeyFile does it, which is not INI quoting: `;`, `=`, `"` and `#`
 * stand for themselves, a backslash begins an escape, and leading spaces would be lost.
 */

const ESCAPES: Readonly<Record<string, string>> = { s: ' ', n: '\n', t: '\t', r: '\r', '\\': '\\' };

/** The value as it stands behind `key=`. Spaces at the end are escaped too: glib keeps them, editors do not. */
export function escapeString(text: string): string {
  return text
    .replace(/\\/g, '\\\\')
    .replace(/\n/g, '\\n')
    .replace(/\r/g, '\\r')
    .replace(/\t/g, '\\t')
    .replace(/^ +| +$/g, (spaces) => '\\s'.repeat(spaces.length));
}

/** The text of a value; undefined when it holds an escape that GKeyFile refuses. */
export function unescapeString(value: string): string | undefined {
  const isValid = /^(?:[^\\]|\\[sntr\\])*$/u.test(value);
  if (!isValid) return undefined;
  return value.replace(/\\([sntr\\])/g, (_, letter: string) => ESCAPES[letter] ?? '');
}

/**
 * An SSID is 1 to 32 bytes of anything. Printable ASCII is written as text with `;` escaped once more (NetworkManager would take
 * `1;2;` for a list of bytes), everything else as such a list.
 */
export function encodeSsid(ssid: Buffer): string {
  const isPrintable = ssid.every((byte) => byte >= 0x20 && byte <= 0x7e);
  if (!isPrintable) return [...ssid].map((byte) => `${byte};`).join('');
  return escapeString(ssid.toString('latin1').replace(/;/g, '\\;'));
}

/** The bytes of an SSID as NetworkManager reads them; undefined when it cannot. */
export function decodeSsid(value: string): Buffer | undefined {
  const text = unescapeString(value);
  if (text === undefined) return undefined;
  return parseByteList(text) ?? Buffer.from(text.replace(/\\;/g, ';'));
}

/** `1;2;3;` with spaces around the numbers; undefined when it is anything else. */
function parseByteList(text: string): Buffer | undefined {
  if (!/^(?:\s*\d{1,3}\s*;)+\s*$/.test(text)) return undefined;
  const bytes = text.split(';').slice(0, -1).map(Number);
  return bytes.every((byte) => byte <= 255) ? Buffer.from(bytes) : undefined;
}

/** A list of plain words, each ended by `;`. */
export const encodeList = (items: readonly string[]): string => items.map((item) => `${item};`).join('');
