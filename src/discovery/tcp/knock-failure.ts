import type { KnockFailure } from '../knocker.js';

const FAILURES: Readonly<Record<string, KnockFailure>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  ECONNABORTED: 'reset',
  EPIPE: 'reset',
  ETIMEDOUT: 'timeout',
};

/**
 * What a socket's error says about the port. All that is not about the far end (no route, no such zone, a local firewall, no
 * free descriptor) means that no packet got out.
 */
export function knockFailure(error: NodeJS.ErrnoException): KnockFailure {
  // llhttp, Node's parser, names all its errors HPE_*.
  if (error.code?.startsWith('HPE_') === true) return 'garbage';
  return FAILURES[error.code ?? ''] ?? 'no-route';
}
