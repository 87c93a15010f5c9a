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
  useRef,
  useState,
} from '@inquirer/core';
import type { Device } from '../discovery/device.js';
import type { DeviceChooser } from '../discovery/device-chooser.js';
import { ExitCode, RdtError } from '../errors.js';
import type { Runtime } from '../runtime.js';
import { type Style, styleFor } from './style.js';
import { displayWidth } from './text-width.js';

/** DECTCEM; inquirer shows the cursor again when the prompt is done. */
const HIDE_CURSOR = '\u001b[?25l';
const PAGE_ROWS = 10;

interface PickerConfig {
  readonly devices: AsyncIterable<Device>;
  readonly style: Style;
  /** The input has ended (Ctrl-D): nobody can choose any more. */
  readonly onClosed: () => void;
}

/** A list on stderr that grows while it is open; what is selected stays selected. */
export class DevicePicker implements DeviceChooser {
  constructor(readonly runtime: Pick<Runtime, 'stdin' | 'stderr' | 'env'>) {}

  async choose(devices: AsyncIterable<Device>, signal: AbortSignal): Promise<Device> {
    const { stdin, stderr, env } = this.runtime;
    const closed = new AbortController();
    try {
      return await pickDevice(
        { devices, style: styleFor(stderr, env), onClosed: () => closed.abort() },
        {
          input: stdin,
          output: stderr,
          signal: AbortSignal.any([signal, closed.signal]),
          clearPromptOnDone: true,
        },
      );
    } catch (error) {
      signal.throwIfAborted();
      const declined = error instanceof ExitPromptError || error instanceof AbortPromptError;
      if (!declined) throw error;
      throw new RdtError('No device was chosen.', { exitCode: ExitCode.interrupted, cause: error });
    }
  }
}

const pickDevice = createPrompt<Device, PickerConfig>((config, done) => {
  const { bold, dim, green } = config.style;
  const devices = useDevices(config);
  const [active, setActive] = useState(0);
  const chosen = devices[active];
  useKeypress((key) => {
    if (isEnterKey(key) && chosen !== undefined) done(chosen);
    if (isUpKey(key)) setActive(Math.max(0, active - 1));
    if (isDownKey(key)) setActive(Math.min(devices.length - 1, active + 1));
  });
  const rows = alignedRows(devices);
  const page = usePagination({
    items: rows,
    active,
    renderItem: ({ item, isActive }) => (isActive ? green(`> ${item}`) : `  ${item}`),
    pageSize: PAGE_ROWS,
    loop: false,
  });
  const title = bold('Several devices answer. Which one?');
  return `${title}\n${page}\n${dim('arrow keys, Enter; more devices appear as they answer')}${HIDE_CURSOR}`;
});

/** The devices so far; draws anew when one more has come. */
function useDevices({ devices, onClosed }: PickerConfig): readonly Device[] {
  const seen = useRef<Device[]>([]);
  const [, setCount] = useState(0);
  useEffect((readline) => {
    readline.on('close', onClosed);
    void (async () => {
      for await (const device of devices) {
        seen.current.push(device);
        setCount(seen.current.length);
      }
    })();
  }, []);
  return seen.current;
}

function alignedRows(devices: readonly Device[]): string[] {
  const widthOf = (cell: (device: Device) => string) =>
    Math.max(0, ...devices.map((device) => displayWidth(cell(device))));
  const nameWidth = widthOf((device) => device.name);
  const addressWidth = widthOf((device) => device.address);
  return devices.map(({ name, address, kind }) =>
    [pad(name, nameWidth), pad(address, addressWidth), kind].join('  '),
  );
}

const pad = (text: string, columns: number): string => text + ' '.repeat(columns - displayWidth(text));
