/**
 * A JSON object of the engine, read with defaults: what an engine leaves out (old ones know fewer keys) or sends as null is empty, 0 or false.
 */
export class AnswerFields {
  private constructor(private readonly value: Readonly<Record<string, unknown>>) {}

  /** An object with no keys when `value` is no object. */
  static of(value: unknown): AnswerFields {
    return new AnswerFields(isRecord(value) ? value : {});
  }

  /** Throws a SyntaxError when `text` is no JSON. */
  static parse(text: string): AnswerFields {
    return AnswerFields.of(JSON.parse(text));
  }

  text(key: string): string {
    const value = this.value[key];
    return typeof value === 'string' ? value : '';
  }

  number(key: string): number {
    const value = this.value[key];
    return typeof value === 'number' ? value : 0;
  }

  flag(key: string): boolean {
    return this.value[key] === true;
  }

  fields(key: string): AnswerFields {
    return AnswerFields.of(this.value[key]);
  }

  list(key: string): AnswerFields[] {
    return listOf(this.value[key]);
  }

  texts(key: string): string[] {
    const value = this.value[key];
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  }

  /** A table of texts. */
  rows(key: string): string[][] {
    const value = this.value[key];
    if (!Array.isArray(value)) return [];
    return value.map((row: unknown) =>
      Array.isArray(row) ? row.filter((cell) => typeof cell === 'string') : [],
    );
  }

  keys(key: string): string[] {
    return Object.keys(this.fields(key).value);
  }

  /** A map of strings, such as labels. */
  map(key: string): Record<string, string> {
    const entries = Object.entries(this.fields(key).value);
    return Object.fromEntries(
      entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
  }
}

/** The objects of a JSON array; none when `value` is no array. */
export const listOf = (value: unknown): AnswerFields[] =>
  Array.isArray(value) ? value.map((item) => AnswerFields.of(item)) : [];

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
