import inquirer from 'inquirer';
import { printable } from '../discovery/printable.js';
import { ExitCode, RdtError } from '../errors.js';
import type { Runtime } from '../runtime.js';
import type { ContainerChooser } from '../shell/find-container.js';
import type { ContainerSummary } from '../transport/engine.js';
import { displayWidth } from './text-width.js';

const PAGE_ROWS = 12;

/** A list on stderr, the first row preselected. */
export class ContainerPicker implements ContainerChooser {
  constructor(private readonly runtime: Pick<Runtime, 'stdin' | 'stderr'>) {}

  async choose(containers: readonly ContainerSummary[], signal: AbortSignal): Promise<ContainerSummary> {
    const { stdin, stderr } = this.runtime;
    try {
      const ask = inquirer.createPromptModule({ input: stdin, output: stderr, signal });
      const { container } = await ask<{ container: ContainerSummary }>([
        {
          type: 'select',
          name: 'container',
          message: 'Which container?',
          choices: choicesOf(containers),
          pageSize: PAGE_ROWS,
        },
      ]);
      return container;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Error && error.name === 'ExitPromptError')) throw error;
      throw new RdtError('No container was chosen.', { exitCode: ExitCode.interrupted, cause: error });
    }
  }
}

/** Rows such as `web  my/image:1  Up 3 minutes`; the device says what is in them, so they are made harmless. */
function choicesOf(
  containers: readonly ContainerSummary[],
): { name: string; short: string; value: ContainerSummary }[] {
  const cells = containers.map(({ name, image, status }) => [name, image, status].map(printable));
  const widths = [0, 1].map((column) => Math.max(...cells.map((row) => displayWidth(row[column] ?? ''))));
  return containers.map((value, index) => {
    const row = cells[index] ?? [];
    const padded = row.map(
      (cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - displayWidth(cell))),
    );
    return { name: padded.join('  ').trimEnd(), short: row[0] ?? '', value };
  });
}
