import { PassThrough } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Device } from '../../../src/discovery/device.js';
import { EventStream } from '../../../src/discovery/event-stream.js';
import { ExitCode } from '../../../src/errors.js';
import { DevicePicker } from '../../../src/ui/device-picker.js';

const deviceAt = (name: string, address: string): Device => ({
  name,
  address,
  addresses: [address],
  kind: 'development',
  engine: undefined,
  sshPort: 22222,
});

const DOWN = '\u001b[B';
const ENTER = '\r';
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';

/** A person at a terminal. */
class Person {
  readonly keyboard = new PassThrough();
  readonly screen = new PassThrough();
  readonly devices = new EventStream<Device>();
  readonly controller = new AbortController();
  readonly choice: Promise<Device>;
  #seen = '';

  constructor() {
    this.screen.on('data', (chunk: Buffer) => (this.#seen += chunk.toString()));
    const picker = new DevicePicker({ stdin: this.keyboard, stderr: this.screen, env: {} });
    this.choice = picker.choose(this.devices, this.controller.signal);
    this.choice.catch(() => undefined); // awaited by the tests
  }

  /** Resolves when the text is on the screen. */
  async sees(text: string): Promise<void> {
    while (!this.#seen.includes(text)) await new Promise((drawn) => this.screen.once('data', drawn));
    this.#seen = '';
  }

  presses(...keys: string[]): void {
    for (const key of keys) this.keyboard.write(key);
  }
}

let person: Person;
beforeEach(() => {
  person = new Person();
  person.devices.push(deviceAt('kitchen', '10.0.0.5'));
  person.devices.push(deviceAt('bath', '10.0.0.6'));
});

describe('the list of devices', () => {
  it('gives the first one for Enter', async () => {
    await person.sees('10.0.0.6');
    person.presses(ENTER);
    expect(await person.choice).toMatchObject({ name: 'kitchen' });
  });

  it('grows while it is open, and keeps what is selected', async () => {
    await person.sees('10.0.0.6');
    person.presses(DOWN);
    await person.sees('> bath');
    person.devices.push(deviceAt('cellar', '10.0.0.7'));
    await person.sees('cellar');
    person.presses(ENTER);
    expect(await person.choice).toMatchObject({ name: 'bath' });
  });

  it('gives a device that came while it was open', async () => {
    await person.sees('10.0.0.6');
    person.devices.push(deviceAt('cellar', '10.0.0.7'));
    await person.sees('cellar');
    person.presses(DOWN, DOWN);
    await person.sees('> cellar');
    person.presses(ENTER);
    expect(await person.choice).toMatchObject({ address: '10.0.0.7' });
  });

  it.each([
    ['Ctrl-C', CTRL_C],
    ['Ctrl-D', CTRL_D],
  ])('is declined with %s', async (_name, key) => {
    await person.sees('10.0.0.6');
    person.presses(key);
    await expect(person.choice).rejects.toMatchObject({ exitCode: ExitCode.interrupted });
  });

  it('goes away with the reason of the signal', async () => {
    await person.sees('10.0.0.6');
    person.controller.abort(new Error('interrupted by SIGTERM'));
    await expect(person.choice).rejects.toThrow('interrupted by SIGTERM');
  });
});
