import { ExitCode, RdtError } from '../errors.js';
import { Keyfile } from './keyfile.js';
import { sectionOf } from './keyfile-profile.js';
import { decodeSsid, unescapeString } from './keyfile-values.js';

const MAX_BYTES = 64 << 10;
/** Connection types of NetworkManager, under both names where there are two. */
const TYPES: ReadonlySet<string> = new Set(
  (
    'wifi 802-11-wireless ethernet 802-3-ethernet gsm cdma vpn wireguard bluetooth bridge bond team vlan vxlan macvlan macsec ' +
    'veth vrf tun ip-tunnel dummy infiniband adsl pppoe wimax wpan 6lowpan wifi-p2p 802-11-olpc-mesh olpc-mesh generic loopback hsr ' +
    'ovs-bridge ovs-interface ovs-port ovs-dpdk'
  ).split(' '),
);
const KEY_MANAGEMENT: ReadonlySet<string> = new Set(
  'none ieee8021x wpa-psk wpa-none wpa-eap wpa-eap-suite-b-192 sae owe'.split(' '),
);
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Names that NetworkManager takes for backups or certificates, and the one that the devices leave out. */
const IGNORED_NAME = /^\.|~$|\.(?:ignore|bak|orig|rej|swp|tmp|pem|der|rpmnew|rpmsave|dpkg-\w+)$/i;
/** What FAT cannot have in a name. */
const IMPOSSIBLE_NAME = /["*/:<>?\\|]|\p{Cc}|[. ]$/u;

/**
 * Checks a file that is to become a connection profile as it is, so that a device does not silently ignore it.
 * Throws an `RdtError` (usage) that names the file, and the line where that helps.
 */
export function checkConnection(name: string, content: Buffer, file: string): void {
  if (IGNORED_NAME.test(name)) throw refusal(file, `NetworkManager ignores files with names like ${name}`);
  if (name.length > 255 || IMPOSSIBLE_NAME.test(name))
    throw refusal(file, 'a boot partition cannot have a file with this name');
  if (content.length > MAX_BYTES) throw refusal(file, 'is too large to be a connection profile');
  const profile = Keyfile.parse(decode(content, file), file);
  const type = textOf(profile, 'connection', 'type', file);
  if (!profile.groups().includes('connection'))
    throw refusal(file, 'there is no [connection] section, so NetworkManager would ignore it');
  if (type === undefined) throw refusal(file, 'there is no type= in [connection]');
  if (!TYPES.has(type)) throw refusal(file, `"${type}" is not a connection type of NetworkManager`);
  const uuid = textOf(profile, 'connection', 'uuid', file);
  if (uuid !== undefined && !UUID.test(uuid)) throw refusal(file, 'uuid= in [connection] is not a UUID');
  if (type === 'wifi' || type === '802-11-wireless') checkWifi(profile, file);
}

function checkWifi(profile: Keyfile, file: string): void {
  const raw = profile.get(sectionOf(profile, 'wifi'), 'ssid');
  if (raw === undefined) throw refusal(file, 'there is no ssid= in [wifi]');
  const ssid = decodeSsid(raw);
  if (ssid === undefined || ssid.length < 1 || ssid.length > 32)
    throw refusal(file, 'ssid= in [wifi] is not 1 to 32 bytes');
  const section = sectionOf(profile, 'wifi-security');
  if (!profile.groups().includes(section)) return;
  const management = textOf(profile, section, 'key-mgmt', file);
  if (management === undefined || !KEY_MANAGEMENT.has(management)) {
    throw refusal(file, `key-mgmt= in [${section}] must be one of ${[...KEY_MANAGEMENT].join(', ')}`);
  }
  const psk = textOf(profile, section, 'psk', file);
  if (management === 'wpa-psk' && psk !== undefined) checkPsk(psk, section, file);
}

function checkPsk(psk: string, section: string, file: string): void {
  const length = Buffer.byteLength(psk);
  const fits = (length >= 8 && length <= 63) || /^[0-9a-fA-F]{64}$/.test(psk);
  if (!fits) throw refusal(file, `psk= in [${section}] must have 8 to 63 bytes, or 64 hexadecimal digits`);
}

function textOf(profile: Keyfile, section: string, key: string, file: string): string | undefined {
  const raw = profile.get(section, key);
  const text = raw === undefined ? '' : unescapeString(raw);
  if (text === undefined)
    throw refusal(file, `${key}= in [${section}] has an escape that NetworkManager refuses`);
  return raw === undefined ? undefined : text;
}

function decode(content: Buffer, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  } catch (cause) {
    throw new RdtError(`${file}: is not UTF-8 text`, { exitCode: ExitCode.usage, cause });
  }
}

const refusal = (file: string, reason: string): RdtError =>
  new RdtError(`${file}: ${reason}`, { exitCode: ExitCode.usage });
