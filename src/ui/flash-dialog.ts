import {
  AbortPromptError,
  createPrompt,
  ExitPromptError,
  isDownKey,
  isEnterKey,
  isUpKey,
  useEffect,
  useKeypress,
  usePagination,
  useState,
} from '@inquirer/core';
import { printable } from '../discovery/printable.js';
import { ExitCode, RdtError } from '../errors.js';
import type { FlashDialog } from '../image/flash-consent.js';
import type { Drive } from '../image/flash-drive.js';
import type { FlashPlan } from '../image/flash-event.js';
import type { Runtime } from '../runtime.js';
import { driveContents, driveRow, driveTitle } from './describe-drive.js';
import { type Style, styleFor } from './style.js';

const PAGE_ROWS = 10;
/** A card that is plugged in shows up this soon. */
const REFRESH_MS = 1000;

/** Questions on stderr, so that stdout stays for results. Ctrl-D declines, Ctrl-C interrupts. */
export class FlashTerminalDialog implements FlashDialog {
  private readonly style: Style;

  constructor(private readonly runtime: Pick<Runtime, 'stdin' | 'stderr' | 'env'>) {
    this.style = styleFor(runtime.stderr, runtime.env);
  }

  async chooseDrive(list: () => Promise<readonly Drive[]>, signal: AbortSignal): Promise<Drive> {
    const first = await list();
    return this.ask(signal, (context, onClosed) =>
      pickDrive({ first, list, style: this.style, onClosed }, { ...context, clearPromptOnDone: true }),
    );
  }

  async confirm(plan: FlashPlan, signal: AbortSignal): Promise<boolean> {
    for (const drive of plan.drives) this.show(drive);
    const names = plan.drives.map((drive) => printable(drive.path)).join(' and ');
    const target = plan.drives.length === 1 ? 'it' : 'them';
    this.say(`All that is on ${names} will be erased, and ${printable(plan.image)} written to ${target}.`);
    const question = 'Go on? (y/N)';
    const answer = await this.ask(signal, (context, onClosed) =>
      askLine({ question, style: this.style, onClosed }, context),
    );
    return /^y(es)?$/i.test(answer.trim());
  }

  async typeName(drive: Drive, why: string, signal: AbortSignal): Promise<string> {
    this.show(drive);
    this.say(`${printable(drive.path)} is not like a card: ${why}.`);
    const question = 'To erase it all the same, type its name:';
    return this.ask(signal, (context, onClosed) =>
      askLine({ question, style: this.style, onClosed }, context),
    );
  }

  private show(drive: Drive): void {
    const lines = [this.style.bold(driveTitle(drive)), ...driveContents(drive).map((line) => `  ${line}`)];
    this.say(lines.join('\n'));
  }

  private say(text: string): void {
    this.runtime.stderr.write(`${text}\n`);
  }

  /** The input's end is an answer too: no. */
  private async ask<T>(
    signal: AbortSignal,
    prompt: (context: PromptContext, onClosed: () => void) => Promise<T>,
  ): Promise<T> {
    const closed = new AbortController();
    try {
      const context = {
        input: this.runtime.stdin,
        output: this.runtime.stderr,
        signal: AbortSignal.any([signal, closed.signal]),
      };
      return await prompt(context, () => closed.abort());
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof AbortPromptError)
        throw new RdtError('declined: nothing was written', { cause: error });
      if (!(error instanceof ExitPromptError)) throw error;
      throw new RdtError('interrupted: nothing was written', {
        exitCode: ExitCode.interrupted,
        cause: error,
      });
    }
  }
}

interface PromptContext {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly signal: AbortSignal;
}

interface LineConfig {
  readonly question: string;
  readonly style: Style;
  readonly onClosed: () => void;
}

const askLine = createPrompt<string, LineConfig>(({ question, style, onClosed }, done) => {
  const [line, setLine] = useState('');
  useEffect((readline) => {
    readline.on('close', onClosed);
  }, []);
  useKeypress((key, readline) => {
    if (isEnterKey(key)) done(line);
    else setLine(readline.line);
  });
  return `${style.bold(question)} ${line}`;
});

interface PickerConfig {
  readonly first: readonly Drive[];
  readonly list: () => Promise<readonly Drive[]>;
  readonly style: Style;
  readonly onClosed: () => void;
}

const pickDrive = createPrompt<Drive, PickerConfig>((config, done) => {
  const { bold, dim, green } = config.style;
  const drives = useDrives(config);
  const [activePath, setActivePath] = useState(config.first[0]?.path);
  const active = Math.max(
    0,
    drives.findIndex((drive) => drive.path === activePath),
  );
  const chosen = drives[active];
  useKeypress((key) => {
    if (isEnterKey(key) && chosen !== undefined) done(chosen);
    if (isUpKey(key)) setActivePath(drives[Math.max(0, active - 1)]?.path);
    if (isDownKey(key)) setActivePath(drives[Math.min(drives.length - 1, active + 1)]?.path);
  });
  const page = usePagination({
    items: drives,
    active,
    renderItem: ({ item, isActive }) => (isActive ? green(`> ${driveRow(item)}`) : `  ${driveRow(item)}`),
    pageSize: PAGE_ROWS,
    loop: false,
  });
  if (drives.length === 0) return bold('No drive that can be flashed. Plug in a card or a USB drive ...');
  return `${bold('Which drive is to be erased and written?')}\n${page}\n${dim('arrow keys, Enter; drives that are plugged in appear here')}`;
});

/** The drives as they come and go. */
function useDrives({ first, list, onClosed }: PickerConfig): readonly Drive[] {
  const [drives, setDrives] = useState(first);
  useEffect((readline) => {
    readline.on('close', onClosed);
    let listing = false;
    const refresh = async (): Promise<void> => {
      if (listing) return;
      listing = true;
      try {
        setDrives(await list());
      } finally {
        listing = false;
      }
    };
    // A list that fails once (a card just being pulled) is asked for again a second later.
    const timer = setInterval(() => void refresh().catch(() => undefined), REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  return drives;
}
