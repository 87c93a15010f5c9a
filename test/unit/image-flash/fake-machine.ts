import { RdtError } from '../../../src/errors.js';
import type { FlashDialog } from '../../../src/image/flash-consent.js';
import type {
  Drive,
  DriveAccess,
  DriveCatalog,
  FilePlace,
  OpenDrive,
} from '../../../src/image/flash-drive.js';
import type { FlashPlan } from '../../../src/image/flash-event.js';
import { FakeDrive } from './fake-drive.js';

export const GB = 1e9;

export function usbStick(path: string, changes: Partial<Drive> = {}): Drive {
  const volume = {
    path: `${path}1`,
    type: 'part',
    sizeBytes: 100,
    fsType: 'vfat',
    label: 'OLD',
    mountPoints: [],
  };
  return {
    kind: 'disk',
    path,
    sizeBytes: 16 * GB,
    model: 'Generic Card',
    bus: 'usb',
    removable: true,
    readOnly: false,
    volumes: [volume],
    refusal: undefined,
    identity: `serial of ${path}`,
    ...changes,
  };
}

/** A machine with these drives. Keeps what was done with them. */
export class FakeMachine implements DriveCatalog, DriveAccess {
  readonly opened: FakeDrive[] = [];
  readonly unmounted: string[] = [];
  /** Drives that another process holds. */
  busy: readonly string[] = [];
  place: FilePlace | undefined;

  constructor(readonly drives: Drive[]) {}

  list(): Promise<readonly Drive[]> {
    return Promise.resolve(this.drives.filter((drive) => drive.refusal === undefined));
  }

  find(name: string): Promise<Drive> {
    const drive = this.drives.find(({ path }) => path === name);
    return drive === undefined
      ? Promise.reject(new RdtError(`there is no drive ${name}`))
      : Promise.resolve(drive);
  }

  placeOf(): Promise<FilePlace | undefined> {
    return Promise.resolve(this.place);
  }

  checkPermission(): Promise<void> {
    return Promise.resolve();
  }

  unmount(drive: Drive): Promise<void> {
    this.unmounted.push(...drive.volumes.flatMap((volume) => volume.mountPoints));
    return Promise.resolve();
  }

  open(drive: Drive): Promise<OpenDrive> {
    if (this.busy.includes(drive.path)) return Promise.reject(new RdtError(`${drive.path} is busy`));
    const opened = new FakeDrive(drive.path, 8 * 1024 * 1024);
    this.opened.push(opened);
    return Promise.resolve(opened);
  }
}

/** Somebody at the terminal, with answers prepared. Keeps what was asked. */
export class FakePerson implements FlashDialog {
  readonly asked: string[] = [];

  constructor(
    private readonly answers: {
      readonly chooses?: string;
      readonly confirms?: boolean;
      readonly types?: string;
    },
  ) {}

  async chooseDrive(list: () => Promise<readonly Drive[]>): Promise<Drive> {
    const drives = await list();
    this.asked.push(`choose ${drives.map(({ path }) => path).join(' ')}`);
    return (
      drives.find(({ path }) => path === this.answers.chooses) ?? Promise.reject(new RdtError('declined'))
    );
  }

  confirm(plan: FlashPlan): Promise<boolean> {
    this.asked.push(`confirm ${plan.drives.map(({ path }) => path).join(' ')}`);
    return Promise.resolve(this.answers.confirms === true);
  }

  typeName(drive: Drive, why: string): Promise<string> {
    this.asked.push(`type ${drive.path}: ${why}`);
    return Promise.resolve(this.answers.types ?? '');
  }
}
