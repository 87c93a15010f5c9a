import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildProgram } from '../../../src/cli.js';
import type { Wiring } from '../../../src/commands/command-deps.js';
import { ExitCode } from '../../../src/errors.js';
import { readProjectFile } from '../../../src/project/yaml/read-project-file.js';

const README = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');

const runtime = {
  env: {},
  cwd: '/',
  platform: process.platform,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: new AbortController().signal,
  clock: { monotonicMs: () => 0, wallMs: () => 0, sleep: () => Promise.resolve() },
};
const unused = (): Promise<never> => Promise.reject(new Error('nothing is run'));
const wiring: Wiring = {
  configure: unused,
  flash: unused,
  discovery: unused,
  knownHosts: unused,
  logs: unused,
  push: unused,
  ssh: unused,
};
const program = buildProgram({ runtime, wiring, args: [], setExitCode: () => undefined });

/** The text below `## rdt <name>`. */
function sectionOf(name: string): string {
  const start = README.indexOf(`\n## rdt ${name}`);
  expect(start).toBeGreaterThan(0);
  return README.slice(start, README.indexOf('\n## ', start + 1));
}

describe('the README', () => {
  it.each(['push', 'scan', 'ssh', 'logs'])('tells of every option of rdt %s', (name) => {
    const section = sectionOf(name);
    const command = program.commands.find((candidate) => candidate.name() === name);
    const options = command?.options.filter(({ hidden }) => !hidden) ?? [];
    expect(options.length).toBeGreaterThan(0);
    const untold = options.filter(({ long }) => !new RegExp(`${long}\\b`).test(section));
    expect(untold.map(({ flags }) => flags)).toEqual([]);
    const inTable = options.filter(({ long }) => new RegExp(`^\\| .*${long}\\b`, 'm').test(section));
    const withoutLetter = inTable.filter(
      ({ short }) => short !== undefined && !section.includes(`\`${short}, `),
    );
    expect(withoutLetter.map(({ flags }) => flags)).toEqual([]);
  });

  it('tells of every exit code', () => {
    const table = README.slice(README.indexOf('\n## Exit codes'));
    const untold = Object.values(ExitCode).filter((code) => !table.includes(`\n| ${code} | `));
    expect(untold).toEqual([]);
  });

  it('shows a project file without a mistake', async () => {
    const yaml = /^```yaml\n([^]*?)^```$/m.exec(README)?.[1] ?? '';
    const folder = mkdtempSync(join(tmpdir(), 'rdt-readme-'));
    try {
      writeFileSync(join(folder, '.resin-sync.yml'), yaml);
      const { settings, warnings } = await readProjectFile(folder);
      expect(warnings).toEqual([]);
      expect(settings).toMatchObject({ appName: 'myapp', before: 'echo Hello', privileged: false });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
