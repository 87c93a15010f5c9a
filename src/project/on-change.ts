import { nearestKey } from './nearest-key.js';
import { accepted, refused } from './parsed.js';
import { parseIgnorePattern } from './paths.js';
import type { YamlPath } from './problem.js';
import type { YamlReader } from './yaml-reader.js';
import { isList, isMap, kindOf, type YamlValue } from './yaml-value.js';

/** What is run in the container when a sync has changed something, before the app is restarted. */
export interface OnChangeRule {
  /** Patterns in the syntax of .gitignore, rooted at the source. */
  readonly paths: readonly string[];
  /** A command line for the container's shell; where there is none it is split into words. */
  readonly run: string;
}

const KEYS = ['paths', 'run'];

/** A list of maps, each with `paths` (one pattern or a list) and `run`. What is wrong is among the reader's problems. */
export function readOnChange(
  reader: YamlReader,
  value: YamlValue,
  path: YamlPath,
): readonly OnChangeRule[] | undefined {
  const list = reader.accept(
    isList(value) ? accepted(value) : refused(`must be a list, and is ${kindOf(value)}`),
    path,
  );
  return list
    ?.map((item, index) => readRule(reader, item, [...path, index]))
    .filter((rule) => rule !== undefined);
}

function readRule(reader: YamlReader, item: YamlValue, path: YamlPath): OnChangeRule | undefined {
  if (!isMap(item)) {
    reader.refuse(path, `must be a map with paths and run, and is ${kindOf(item)}`);
    return undefined;
  }
  for (const key of Object.keys(item).filter((name) => !KEYS.includes(name))) {
    const nearest = nearestKey(key, KEYS);
    const advice = nearest === undefined ? '' : `; did you mean '${nearest}'?`;
    reader.warn([...path, key], `unknown key '${key}' is ignored${advice}`, 'key');
  }
  const paths = readPaths(reader, item['paths'] ?? null, [...path, 'paths']);
  const run = reader.text(item['run'] ?? null, [...path, 'run']);
  if (run?.trim() === '') reader.refuse([...path, 'run'], 'must not be empty');
  return paths === undefined || run === undefined ? undefined : { paths, run };
}

function readPaths(reader: YamlReader, value: YamlValue, path: YamlPath): readonly string[] | undefined {
  const paths = reader.list(isList(value) ? value : [value], path, parseIgnorePattern);
  if (paths?.length === 0) reader.refuse(path, 'must not be empty');
  return paths;
}
