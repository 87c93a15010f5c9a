import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { eventually } from '../testbed/eventually.js';

const COLUMNS = 100;
const ROWS = 30;

/** A person's terminal with a shell in it: a pane of a tmux server of its own. */
export class PseudoTerminal implements Disposable {
  private readonly folder = mkdtempSync(join(tmpdir(), 'rdt-terminal-'));
  private readonly socket = join(this.folder, 'tmux');
  private started = 0;
  private hasVanished = false;

  constructor(env: Readonly<Record<string, string>>) {
    const size = ['-x', String(COLUMNS), '-y', String(ROWS)];
    const variables = Object.entries({ PS1: 'local> ', LANG: 'C.UTF-8', ...env });
    const shell = ['env', ...variables.map(([name, value]) => `${name}=${value}`), 'sh'];
    this.tmux('-f', '/dev/null', '-u', 'new-session', '-d', ...size, ...shell);
    this.tmux('set-option', '-g', 'window-size', 'manual');
  }

  /** The process of the local shell. */
  get shellPid(): number {
    return Number(this.tmux('display-message', '-p', '#{pane_pid}'));
  }

  /** True while a program uses the alternate screen, as editors do. */
  get isFullScreen(): boolean {
    return this.tmux('display-message', '-p', '#{alternate_on}').trim() === '1';
  }

  get isCursorShown(): boolean {
    return this.tmux('display-message', '-p', '#{cursor_flag}').trim() === '1';
  }

  /** What is on the screen now. */
  screen(): string {
    return this.tmux('capture-pane', '-p');
  }

  /** As `screen`, with the control sequences that make its colours. */
  screenWithColours(): string {
    return this.tmux('capture-pane', '-p', '-e');
  }

  type(text: string): void {
    this.tmux('send-keys', '-l', text);
  }

  /** Keys by tmux's names: `Enter`, `C-c`. */
  press(...keys: string[]): void {
    this.tmux('send-keys', ...keys);
  }

  enter(line: string): void {
    this.type(line);
    this.press('Enter');
  }

  resize(columns: number, rows: number): void {
    this.tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  async shows(pattern: RegExp, withinMs = 15_000): Promise<void> {
    const seen = () => Promise.resolve(pattern.test(this.screen()));
    try {
      await eventually(seen, { what: `${pattern.source} on the screen`, withinMs, everyMs: 50 });
    } catch (error) {
      throw new Error(`not on the screen: ${pattern.source}\n${this.screen()}`, { cause: error });
    }
  }

  /** Settings of the terminal's line discipline, as the local shell sees them; it must be at its prompt. */
  async settings(name: string): Promise<string> {
    const file = join(this.folder, name);
    this.enter(`clear; stty -a > ${file}; echo saved-$?`);
    await this.shows(/saved-0/);
    // The size is the window's, not a setting.
    return readFileSync(file, 'utf8').replace(/rows \d+; columns \d+; /, '');
  }

  /** Starts a command; `ended` waits for its end. */
  start(command: string): void {
    this.started += 1;
    this.enter(`clear; ${command}; echo end-${this.started}-$?`);
  }

  async ended(exitCode: number, withinMs = 15_000): Promise<void> {
    // Ctrl-C leaves its mark where the cursor was.
    await this.shows(new RegExp(`^(\\^C)?end-${this.started}-\\d`, 'm'), withinMs);
    expect(this.screen()).toMatch(new RegExp(`^(\\^C)?end-${this.started}-${exitCode}$`, 'm'));
  }

  /** It is gone when those who use it hear of that. */
  vanish(): void {
    process.kill(Number(this.tmux('display-message', '-p', '#{pid}')), 'SIGKILL');
    this.hasVanished = true;
  }

  [Symbol.dispose](): void {
    if (!this.hasVanished) this.tmux('kill-server');
    rmSync(this.folder, { recursive: true, force: true });
  }

  private tmux(...args: string[]): string {
    return execFileSync('tmux', ['-S', this.socket, ...args], { encoding: 'utf8' });
  }
}
