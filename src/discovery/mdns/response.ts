import { type Answer, decode } from 'dns-packet';
import { isIP } from 'node:net';
import { canonical } from '../address.js';

/** The records of a response that discovery reads, with types that were checked. */
export type DnsRecord =
  | { readonly type: 'PTR'; readonly name: string; readonly target: string }
  | { readonly type: 'SRV'; readonly name: string; readonly host: string; readonly port: number }
  | { readonly type: 'address'; readonly name: string; readonly address: string };

/** More than any honest responder sends. */
const MAX_RECORDS = 256;

/** The records of a packet; none when it is not a well-formed response. Never throws: the packet may come from anybody. */
export function readResponse(packet: Buffer): DnsRecord[] {
  const decoded = decodeSafely(packet);
  if (decoded?.type !== 'response') return [];
  const records = [...(decoded.answers ?? []), ...(decoded.additionals ?? [])];
  return records.slice(0, MAX_RECORDS).flatMap(toRecord);
}

function decodeSafely(packet: Buffer): ReturnType<typeof decode> | undefined {
  try {
    return decode(packet);
  } catch {
    return undefined; // malformed: as if it had never come
  }
}

/** A record with no time to live is a goodbye (RFC 6762, 10.1): it announces nothing. */
function toRecord(answer: Answer): DnsRecord[] {
  if (!('ttl' in answer) || answer.ttl === undefined || answer.ttl <= 0) return [];
  if (answer.type === 'PTR') return [{ type: 'PTR', name: answer.name, target: answer.data }];
  if (answer.type === 'SRV') {
    const { target: host, port } = answer.data;
    return port > 0 && host !== '.' ? [{ type: 'SRV', name: answer.name, host, port }] : [];
  }
  if ((answer.type !== 'A' && answer.type !== 'AAAA') || isIP(answer.data) === 0) return [];
  return [{ type: 'address', name: answer.name, address: canonical(answer.data) }];
}
