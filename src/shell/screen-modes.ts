/** DEC private modes that programs turn on for themselves, and what a terminal has without them. Others are left alone. */
const DEFAULTS: ReadonlyMap<number, boolean> = new Map([
  [1049, false],
  [1047, false],
  [47, false],
  [1, false],
  [5, false],
  [7, true],
  [25, true],
  [1000, false],
  [1002, false],
  [1003, false],
  [1004, false],
  [1005, false],
  [1006, false],
  [1015, false],
  [2004, false],
]);
const ESCAPE = '\u001b';
const KINDS = [
  '\\[\\?(?<modes>[0-9;]+)(?<set>[hl])',
  '\\[(?<region>[0-9;]*)r',
  '(?<keypad>[=>])',
  '(?<reset>c)',
  // Keys as sequences of another kind: xterm's modifyOtherKeys, of vim, and kitty's protocol, whose modes are set, pushed and popped.
  '\\[>4(?<otherKeys>(?:;\\d*)?)m',
  '\\[(?<keys>[<=>])(?<flags>[0-9;]*)u',
  '\\[(?<shape>\\d*) q',
];
const SEQUENCES = new RegExp(`${ESCAPE}(?:${KINDS.join('|')})`, 'g');
const UNFINISHED = new RegExp(`${ESCAPE}(?:\\[[?<=>]?[0-9;]{0,32} ?)?$`);

/** Remembers which modes of a terminal the output has changed: a program that was cut off does not change them back. */
export class ScreenModes {
  private readonly changed = new Set<number>();
  private keypad = false;
  private region = false;
  private otherKeys = false;
  private pushedKeys = 0;
  private setKeys = false;
  private shape = false;
  private rest = '';

  saw(chunk: Buffer): void {
    if (this.rest === '' && !chunk.includes(ESCAPE)) return;
    const text = this.rest + chunk.toString('latin1');
    for (const { groups = {} } of text.matchAll(SEQUENCES)) this.apply(groups);
    this.rest = UNFINISHED.exec(text)?.[0] ?? '';
  }

  /** What to write to have them as before; empty when nothing was changed. Forgets them. */
  takeUndo(): string {
    const modes = [...DEFAULTS].filter(([mode]) => this.changed.has(mode));
    const undo = [
      ...modes.map(([mode, isSet]) => `${ESCAPE}[?${mode}${isSet ? 'h' : 'l'}`),
      // The region's reset moves the cursor.
      ...(this.region ? [`${ESCAPE}7${ESCAPE}[r${ESCAPE}8`] : []),
      ...(this.keypad ? [`${ESCAPE}>`] : []),
      ...(this.otherKeys ? [`${ESCAPE}[>4m`] : []),
      ...(this.pushedKeys > 0 ? [`${ESCAPE}[<${this.pushedKeys}u`] : []),
      ...(this.setKeys ? [`${ESCAPE}[=0u`] : []),
      ...(this.shape ? [`${ESCAPE}[0 q`] : []),
    ];
    this.forget();
    return undo.length === 0 ? '' : `${undo.join('')}${ESCAPE}[0m`;
  }

  private apply(groups: Readonly<Record<string, string | undefined>>): void {
    const { modes, set, region, keypad, reset, otherKeys, keys, shape } = groups;
    if (reset !== undefined) this.forget();
    if (keypad !== undefined) this.keypad = keypad === '=';
    if (region !== undefined) this.region = region !== '';
    for (const mode of modes?.split(';').map(Number) ?? []) {
      if ((set === 'h') === DEFAULTS.get(mode)) this.changed.delete(mode);
      else this.changed.add(mode);
    }
    if (otherKeys !== undefined) this.otherKeys = /[1-9]/.test(otherKeys);
    if (shape !== undefined) this.shape = shape !== '' && shape !== '0';
    this.applyKeys(keys, groups['flags']);
  }

  private applyKeys(keys: string | undefined, flags = ''): void {
    if (keys === '>') this.pushedKeys += 1;
    if (keys === '<') this.pushedKeys = Math.max(0, this.pushedKeys - Number(flags || 1));
    if (keys === '=') this.setKeys = /^[1-9]/.test(flags);
  }

  private forget(): void {
    this.changed.clear();
    this.keypad = false;
    this.region = false;
    this.otherKeys = false;
    this.pushedKeys = 0;
    this.setKeys = false;
    this.shape = false;
  }
}
