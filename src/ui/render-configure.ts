import type { Writable } from 'node:stream';
import { renderDiff } from '../image/configure-diff.js';
import type { ConfigureResult } from '../image/configure-session.js';
import { renderConfiguration } from '../image/configure-show.js';

/** Prints what `rdt configure` found, would do or did. */
export function renderConfigure(result: ConfigureResult, stdout: Writable, asJson: boolean): void {
  const lines = asJson ? [JSON.stringify(toJson(result), null, 2)] : toLines(result);
  stdout.write(`${lines.map(printable).join('\n')}\n`);
}

function toLines(result: ConfigureResult): string[] {
  if (result.kind === 'shown') return [result.target, ...renderConfiguration(result.configuration)];
  if (result.diffs.length === 0) return [`${result.target}: nothing to change`];
  const verb = result.kind === 'applied' ? 'configured' : 'would change';
  return [`${result.target}: ${verb}`, ...result.diffs.flatMap(renderDiff)];
}

/** A stable interface: see the README. Values of config.json are JSON texts, so that long numbers keep their digits. */
function toJson(result: ConfigureResult): object {
  if (result.kind !== 'shown') {
    const { kind, target, diffs } = result;
    return { target, applied: kind === 'applied', changes: diffs };
  }
  const { config, connections } = result.configuration;
  const toObject = (entries: readonly { key: string; shown: string }[]): object =>
    Object.fromEntries(entries.map(({ key, shown }) => [key, shown]));
  return {
    target: result.target,
    config: config === undefined ? null : toObject(config),
    connections: connections.map(({ name, isActive, entries, problem }) => ({
      name,
      active: isActive,
      settings: toObject(entries),
      ...(problem !== undefined && { problem }),
    })),
  };
}

/** Names and values come from the medium: they must not steer the terminal. */
const printable = (line: string): string => line.replace(/(?!\n)\p{Cc}/gu, '\ufffd');
