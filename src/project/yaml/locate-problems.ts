import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type Pair } from 'yaml';
import type { LocatedProblem, Problem, YamlPath } from '../problem.js';

/** Finds where in the text each problem is: the line and column of the key or value, or of the nearest thing around it that has one; in the order of the text. */
export function locateProblems(file: string, text: string, problems: readonly Problem[]): LocatedProblem[] {
  const lines = new LineCounter();
  const document = parseDocument<Node>(text, { lineCounter: lines });
  const located = problems.map(({ severity, path, at, message }) => {
    const position = lines.linePos(offsetOf(document.contents, path, at));
    return { severity, file, line: Math.max(1, position.line), column: Math.max(1, position.col), message };
  });
  return located.sort((a, b) => a.line - b.line || a.column - b.column);
}

function offsetOf(contents: Node | null, path: YamlPath, at: Problem['at']): number {
  let node: unknown = contents;
  let offset = contents?.range?.[0] ?? 0;
  for (const [index, step] of path.entries()) {
    const isLast = index === path.length - 1;
    const pair = isMap(node) ? node.items.find((item) => keyText(item) === String(step)) : undefined;
    const next: unknown = pair?.value ?? (isSeq(node) ? node.items[Number(step)] : undefined);
    const target = isLast && at === 'key' ? pair?.key : (next ?? pair?.key);
    offset = startOf(target) ?? startOf(pair?.key) ?? offset;
    node = next;
  }
  return offset;
}

/** The key as the fast parser names it: by its text, where `1.10` is not `1.1`; an empty one is `null`. */
export function keyText({ key }: Pair): string | undefined {
  if (!isScalar(key)) return undefined;
  if (key.value === null) return 'null';
  return typeof key.value === 'string' ? key.value : key.source;
}

/** An empty value has no place of its own worth pointing at. */
function startOf(node: unknown): number | undefined {
  if (isScalar(node) && node.value === null && node.source === '') return undefined;
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range?.[0] : undefined;
}
