import { encode, type Question } from 'dns-packet';
import type { BrowseQuestion } from '../mdns-browser.js';

export const SSH_SERVICE = '_ssh._tcp.local';
/** device-facts: resinOS announces the first, balenaOS both names at one time or another. */
export const DEVICE_SUBTYPES = [
  `_resin-device._sub.${SSH_SERVICE}`,
  `_balena-device._sub.${SSH_SERVICE}`,
] as const;

/** What has to be asked for `question`. The subtypes are asked for in every case: they tell a device from any other host. */
export function questionsFor(question: BrowseQuestion): Question[] {
  const services =
    question.services === undefined
      ? []
      : [...DEVICE_SUBTYPES, ...(question.services === 'all' ? [SSH_SERVICE] : [])];
  return [
    ...services.map((name): Question => ({ name, type: 'PTR' })),
    ...(question.host === undefined ? [] : addressQuestions(question.host)),
  ];
}

export const addressQuestions = (host: string): Question[] => [
  { name: host, type: 'A' },
  { name: host, type: 'AAAA' },
];

/** A query for answers by multicast (no `unicast-response` bit: with several sockets on port 5353 such an answer reaches only one of them). */
export const encodeQuery = (questions: readonly Question[]): Buffer =>
  encode({ type: 'query', id: 0, flags: 0, questions: [...questions] });
