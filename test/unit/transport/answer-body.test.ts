import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { AnswerBody } from '../../../src/transport/docker/answer-body.js';

const CUT = new Error('connection refused');

function brokenOff(): AnswerBody {
  const message = new IncomingMessage(new Socket());
  const body = new AnswerBody(message, {
    onData: () => undefined,
    onClose: () => undefined,
    describe: () => CUT,
  });
  message.emit('error', new Error('aborted'));
  return body;
}

it('the body of an answer that breaks off before anybody reads it ends no process, and fails its reader later', async () => {
  const body = brokenOff();
  await turn();
  await expect(text(body)).rejects.toBe(CUT);
});

it('one that is being read fails its reader', async () => {
  await expect(text(brokenOff())).rejects.toBe(CUT);
});
