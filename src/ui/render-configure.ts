import type { Writable } from 'node:stream';
import { renderDiff } from '../image/configure-diff.js';
import type { ConfigureResult } from '../image/configure-session.js';
import { renderConfiguration } from '../image/configure-show.js';

/** Prints what `rdt configure` found, would do or did. */
export function renderConfigure(result: ConfigureResult, stdout: Writable, asJson: boolean): void {
  const lines = asJson ? [toJson(result)] : toLines(result);
  stdout.write(`${lines.map(printable).join('\n')}\n`);
}

function toLines(result: ConfigureResult): string[] {
  if (result.kind === 'shown') return [result.target, ...renderConfiguration(result.configuration)];
  if (result.diffs.length === 0) return [`${result.target}: nothing to change`];
  const verb = result.kind === 'applied' ? 'configured' : 'would change';
  return [`${result.target}: ${verb}`, ...result.diffs.flatMap(renderDiff)];
}

/**
 * One object on one line, a stable interface: see the README. In `changes`, values of config.json are JSON texts and those of profiles
 * plain ones; `config` is the file itself, put in as it is so that long numbers keep their digits.
 */
function toJson(result: ConfigureResult): string {
  const target = JSON.stringify(result.target);
  if (result.kind !== 'shown') {
    const isApplied = result.kind === 'applied';
    return `{"target":${target},"applied":${isApplied},"changes":${JSON.stringify(result.diffs)}}`;
  }
  const { configJson = 'null', connections } = result.configuration;
  const shown = connections.map(({ name, isActive, entries, problem }) => ({
    name,
    active: isActive,
    settings: Object.fromEntries(entries.map((entry) => [entry.key, entry.shown])),
    ...(problem !== undefined && { problem }),
  }));
  return `{"target":${target},"config":${configJson},"connections":${JSON.stringify(shown)}}`;
}

/** Names and values come from the medium: they must not steer the terminal. */
const printable = (line: string): string => line.replace(/(?!\n)\p{Cc}/gu, '\ufffd');
