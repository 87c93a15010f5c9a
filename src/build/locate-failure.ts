import { type Dockerfile, fullReference, type Instruction, onOneLine, type Stage } from './dockerfile.js';
import type { BuildFailure } from './image-builder.js';

/** The instruction that a build failed at, as far as it can be told. */
export function locateFailure(dockerfile: Dockerfile, failure: BuildFailure): Instruction | undefined {
  const { builder, step, message } = failure;
  if (step === undefined) return atLine(dockerfile, lineIn(message));
  if (builder === 'classic') return classicInstruction(dockerfile, step.name);
  return buildkitInstruction(dockerfile, step.name) ?? pullingInstruction(dockerfile, step.name);
}

/** The image that a FROM failed to get; undefined when the build failed at something else. */
export function missingBaseImage(
  instruction: Instruction | undefined,
  dockerfile: Dockerfile,
): string | undefined {
  if (instruction?.keyword !== 'FROM') return undefined;
  return dockerfile.stages.find(({ instructions }) => instructions[0] === instruction)?.image;
}

/** Both builders name the line of what they can not parse in their text only. It is shown, and decides nothing. */
function lineIn(message: string): number | undefined {
  const line = /\bline (\d+)\b/.exec(message)?.[1];
  return line === undefined ? undefined : Number(line);
}

const atLine = ({ instructions }: Dockerfile, line: number | undefined): Instruction | undefined =>
  line === undefined ? undefined : instructions.find((i) => i.line <= line && line <= i.lastLine);

/** The classic builder counts every instruction of the file. */
function classicInstruction({ instructions }: Dockerfile, name: string): Instruction | undefined {
  const position = /^\[(\d+)/.exec(name)?.[1];
  const found = position === undefined ? undefined : instructions[Number(position) - 1];
  return found !== undefined && keywordOf(name) === found.keyword ? found : undefined;
}

/** BuildKit counts, stage by stage, what makes a layer. */
const COUNTED = ['RUN', 'COPY', 'ADD', 'WORKDIR'];
const BUILDKIT_NAME = /^\[(?:(\S+) )?(\d+)\/(\d+)\] ([\s\S]*)$/;

/** Instructions that ONBUILD brought count too, but are not in the file: hence the comparison of the text. */
function buildkitInstruction({ stages }: Dockerfile, name: string): Instruction | undefined {
  const [, stageName, position, total, text = ''] = BUILDKIT_NAME.exec(name) ?? [];
  const stage = stageName === undefined ? stages[0] : stages.find((s) => s.name === stageName.toLowerCase());
  if (stage === undefined) return undefined;
  const [keyword = ''] = text.split(' ', 1);
  if (keyword === 'FROM') return stage.instructions[0];
  const same = stage.instructions.filter((i) => i.text === onOneLine(text));
  if (same.length === 1) return same[0];
  const counted = countedAt(stage, Number(position), Number(total));
  return counted?.keyword === keyword && (same.length > 0 || isRewritten(counted)) ? counted : undefined;
}

/** FROM counts only when it is an image of its own, so the position is taken from the end. */
function countedAt(stage: Stage, position: number, total: number): Instruction | undefined {
  const counted = stage.instructions.filter(({ keyword }) => COUNTED.includes(keyword));
  return counted[position - 1 - (total - counted.length)];
}

/** BuildKit fills in variables and shortens heredocs in the names that it shows. */
const isRewritten = ({ text }: Instruction): boolean => text.includes('$') || text.includes('<<');

/** Steps that fetch an image: `[internal] load metadata for docker.io/library/a:1`, `FROM docker.io/library/a:1`. */
function pullingInstruction({ stages }: Dockerfile, name: string): Instruction | undefined {
  const reference = /(?:load metadata for|^FROM) (\S+)$/.exec(name)?.[1];
  if (reference === undefined) return undefined;
  return stages.find(({ image }) => fullReference(image) === fullReference(reference))?.instructions[0];
}

/** `[2/4] RUN x` -> `RUN`. */
const keywordOf = (name: string): string | undefined => /^\[[^\]]*\] (\w+)/.exec(name)?.[1]?.toUpperCase();
