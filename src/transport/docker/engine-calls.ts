import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { EngineError, isMissing } from '../engine-error.js';
import { notAnEngine } from '../connection-error.js';
import { AnswerFields, listOf } from './answer-fields.js';
import { type EngineAnswer, type EngineHttp, type EngineRequest, readText } from './engine-http.js';

/** Requests with JSON both ways. */
export class EngineCalls {
  constructor(readonly http: EngineHttp) {}

  /** The JSON object of an answer. */
  async object(asked: EngineRequest): Promise<AnswerFields> {
    return AnswerFields.of(await this.json(asked));
  }

  async objectWithHeaders(
    asked: EngineRequest,
  ): Promise<{ answer: AnswerFields; headers: IncomingHttpHeaders }> {
    const answer = await this.http.requestOk(asked);
    return { answer: AnswerFields.of(await this.parsed(asked, answer)), headers: answer.headers };
  }

  /** As `object`, but undefined when the engine answers 404. */
  async objectIfFound(asked: EngineRequest): Promise<AnswerFields | undefined> {
    const answer = await this.unless404(asked);
    return answer === undefined ? undefined : AnswerFields.of(await this.parsed(asked, answer));
  }

  async list(asked: EngineRequest): Promise<AnswerFields[]> {
    return listOf(await this.json(asked));
  }

  /** Sends and waits for the end of the answer; resolves with its status. Those in `alsoFine` are no error. */
  async status(asked: EngineRequest, alsoFine: readonly number[] = []): Promise<number> {
    try {
      const answer = await this.http.requestOk(asked);
      await drain(answer.body);
      return answer.status;
    } catch (error) {
      if (error instanceof EngineError && alsoFine.includes(error.status)) return error.status;
      throw error;
    }
  }

  /** The answer with its body unread; undefined when the engine says 404. */
  async unless404(asked: EngineRequest): Promise<EngineAnswer | undefined> {
    try {
      return await this.http.requestOk(asked);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  private async json(asked: EngineRequest): Promise<unknown> {
    return this.parsed(asked, await this.http.requestOk(asked));
  }

  private async parsed(asked: EngineRequest, answer: EngineAnswer): Promise<unknown> {
    const text = await readText(answer.body);
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw notAnEngine(this.http.description, `${asked.method} ${asked.path}`, error);
    }
  }
}

/** Reads a body that is not wanted, so that its connection can be used again. */
export const drain = async (body: Readable): Promise<void> => {
  await finished(body.resume());
};

/** JSON as the body of a request. */
export const jsonBody = (value: unknown): Pick<EngineRequest, 'headers' | 'body'> => ({
  headers: { 'Content-Type': 'application/json' },
  body: Buffer.from(JSON.stringify(value)),
});

/** A name or id for use in a path; slashes of an image's name stay. */
export const inPath = (ref: string): string => ref.split('/').map(encodeURIComponent).join('/');
