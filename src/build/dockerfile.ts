import type { Instruction as AstInstruction } from 'dockerfile-ast';

/** An instruction of a Dockerfile as it stands there. */
export interface Instruction {
  /** Upper case. */
  readonly keyword: string;
  /** First line, counted from 1. */
  readonly line: number;
  readonly lastLine: number;
  /** Without line continuations, comments and repeated spaces. */
  readonly text: string;
}

/** A Dockerfile, read as far as needed to find instructions again; one that does not parse gives what can be read. */
export interface Dockerfile {
  /** In order, those before the first FROM included. */
  readonly instructions: readonly Instruction[];
  readonly stages: readonly Stage[];
}

export interface Stage {
  /** As BuildKit calls it: its name, or `stage-N` with N from 0. */
  readonly name: string;
  /** The base image with its build arguments filled in by their defaults or `buildArgs`; may be the name of another stage. */
  readonly image: string;
  /** The first is its FROM. */
  readonly instructions: readonly Instruction[];
}

/** Loads the parser when it is asked for: most builds need none. */
export async function parseDockerfile(
  text: string,
  buildArgs: Readonly<Record<string, string>>,
): Promise<Dockerfile> {
  const { DockerfileParser } = await import('dockerfile-ast');
  const parsed = DockerfileParser.parse(text);
  const instructions = parsed.getInstructions().map(readInstruction);
  const variables = new Map<string, string>();
  for (const arg of parsed.getInitialARGs()) {
    const property = arg.getProperty();
    if (property === null) continue;
    variables.set(property.getName(), buildArgs[property.getName()] ?? property.getValue() ?? '');
  }
  const images = parsed.getFROMs().map((from) => fillIn(from.getImage() ?? '', variables));
  const names = parsed.getFROMs().map((from) => from.getBuildStage()?.toLowerCase());
  return { instructions, stages: splitStages(instructions, images, names) };
}

/** The base images that are not stages of the same file, nor nothing. */
export function externalImages({ stages }: Dockerfile): string[] {
  return stages
    .filter(({ image }, index) => image !== 'scratch' && !isStage(image, stages.slice(0, index)))
    .map(({ image }) => image);
}

/** `a` is short for `docker.io/library/a:latest`. */
export function fullReference(image: string): string {
  const tagged = /[@:][^/]*$/.test(image) ? image : `${image}:latest`;
  const [first = '', ...rest] = tagged.split('/');
  if (rest.length === 0) return `docker.io/library/${tagged}`;
  return isRegistry(first) ? tagged : `docker.io/${tagged}`;
}

/** Docker's own rule for the first part of a reference (distribution `reference/normalize.go`). */
const isRegistry = (part: string): boolean => /[.:]/.test(part) || part === 'localhost';

const isStage = (image: string, earlier: readonly Stage[]): boolean =>
  earlier.some(({ name }) => name === image.toLowerCase());

function readInstruction(parsed: AstInstruction): Instruction {
  const { start, end } = parsed.getRange();
  const text = `${parsed.getKeyword()} ${parsed.getRawArgumentsContent() ?? ''}`;
  return {
    keyword: parsed.getKeyword(),
    line: start.line + 1,
    lastLine: end.line + 1,
    text: onOneLine(text),
  };
}

/** A backslash or backtick at a line's end continues it; a comment line in between does not belong to it. */
export const onOneLine = (text: string): string =>
  text
    .replace(/[\\`][ \t]*\r?\n(?:[ \t]*#[^\n]*\n)*/g, '')
    .replace(/\s+/g, ' ')
    .trim();

function splitStages(
  instructions: readonly Instruction[],
  images: readonly string[],
  names: readonly (string | undefined)[],
): Stage[] {
  const stages: (Stage & { instructions: Instruction[] })[] = [];
  for (const instruction of instructions) {
    const index = stages.length;
    if (instruction.keyword === 'FROM') {
      stages.push({ name: names[index] ?? `stage-${index}`, image: images[index] ?? '', instructions: [] });
    }
    stages.at(-1)?.instructions.push(instruction);
  }
  return stages;
}

/** `$NAME`, `${NAME}`, `${NAME:-default}`. */
function fillIn(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(
    /\$(?:(\w+)|\{(\w+)(?::-([^}]*))?\})/g,
    (_found, plain: string | undefined, braced: string | undefined, fallback: string | undefined) =>
      (variables.get(plain ?? braced ?? '') ?? '') || (fallback ?? ''),
  );
}
