import { StringDecoder } from 'node:string_decoder';
import type { Readable } from 'node:stream';

/** A line of the engine's answer to `POST /build` (moby `pkg/jsonmessage`); what it has depends on the builder. */
export interface BuildMessage {
  readonly stream?: string;
  readonly status?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  /** The image id of the classic builder and of `moby.image.id`; base64 protobuf for `moby.buildkit.trace`. */
  readonly aux?: string | { readonly ID?: string };
  readonly errorDetail?: { readonly code?: number; readonly message?: string };
  /** Engines before 1.4 send only this. */
  readonly error?: string;
}

/** The messages of an answer as they come. Lines that are no JSON objects are left out: engines pad with empty ones. */
export async function* readBuildMessages(body: Readable): AsyncGenerator<BuildMessage> {
  const decoder = new StringDecoder('utf8');
  let open = '';
  for await (const chunk of body) {
    const lines = (open + decoder.write(chunk as Buffer)).split('\n');
    open = lines.pop() ?? '';
    for (const line of lines) yield* parse(line);
  }
  yield* parse(open);
}

function* parse(line: string): Generator<BuildMessage> {
  if (!line.trimStart().startsWith('{')) return;
  // The engine's own types: every field is optional, and a wrong one would be the engine's bug.
  yield JSON.parse(line) as BuildMessage;
}
