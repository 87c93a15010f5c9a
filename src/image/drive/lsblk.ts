import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { RdtError } from '../../errors.js';

/** One block device, with whatever is built on top of it below it. */
export interface LsblkNode {
  readonly path: string;
  /** The kernel's name, without a folder. */
  readonly kernelName: string;
  /** `8:16`; undefined where lsblk did not tell. */
  readonly deviceNumber: string | undefined;
  readonly type: string;
  readonly sizeBytes: number;
  readonly sectorBytes: number;
  readonly fsType: string | undefined;
  readonly label: string | undefined;
  readonly uuid: string | undefined;
  readonly mountPoints: readonly string[];
  readonly model: string | undefined;
  readonly vendor: string | undefined;
  readonly serial: string | undefined;
  /** `usb`, `sata`, `nvme`, `mmc` ... */
  readonly transport: string | undefined;
  readonly removable: boolean;
  readonly hotplug: boolean;
  readonly readOnly: boolean;
  readonly children: readonly LsblkNode[];
}

const run = promisify(execFile);
/** The arguments of drivelist: every version of lsblk with JSON (2.27 and later) knows them. */
const ARGUMENTS = ['--bytes', '--all', '--json', '--paths', '--output-all'];
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** All block devices of this machine. Throws an `RdtError` when lsblk is missing or fails: then nothing can be said to be safe. */
export async function runLsblk(signal: AbortSignal): Promise<LsblkNode[]> {
  try {
    const options = { signal, maxBuffer: MAX_OUTPUT_BYTES, env: { ...process.env, LC_ALL: 'C' } };
    return parseLsblk((await run('lsblk', ARGUMENTS, options)).stdout);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RdtError) throw error;
    throw new RdtError(
      'cannot list the drives of this machine: the program lsblk (package util-linux) failed',
      {
        cause: error,
      },
    );
  }
}

/** Throws an `RdtError` for output that is not lsblk's JSON. */
export function parseLsblk(json: string): LsblkNode[] {
  const parsed: unknown = JSON.parse(json);
  const devices = isRecord(parsed) ? parsed['blockdevices'] : undefined;
  if (!Array.isArray(devices))
    throw new RdtError('cannot list the drives of this machine: lsblk answered something unknown');
  return devices.filter(isRecord).map(parseNode);
}

type Fields = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

/** Old versions print numbers and flags as strings, and leave columns out that came later. */
function parseNode(fields: Fields): LsblkNode {
  const path = text(fields['path']) ?? text(fields['name']) ?? '';
  const kernelName = text(fields['kname']) ?? path;
  const children = fields['children'];
  return {
    path: path.startsWith('/') ? path : `/dev/${path}`,
    kernelName: kernelName.slice(kernelName.lastIndexOf('/') + 1),
    deviceNumber: text(fields['maj:min']),
    type: text(fields['type']) ?? 'disk',
    sizeBytes: number(fields['size']) ?? 0,
    sectorBytes: number(fields['log-sec']) ?? 512,
    fsType: text(fields['fstype']),
    label: text(fields['label']),
    uuid: text(fields['uuid']),
    mountPoints: mountPoints(fields),
    model: text(fields['model']),
    vendor: text(fields['vendor']),
    serial: text(fields['serial']),
    transport: text(fields['tran']),
    removable: flag(fields['rm']),
    hotplug: flag(fields['hotplug']),
    readOnly: flag(fields['ro']),
    children: Array.isArray(children) ? children.filter(isRecord).map(parseNode) : [],
  };
}

/** `mountpoints` since 2.37; before, only the newest one. */
function mountPoints(fields: Fields): string[] {
  const all = fields['mountpoints'];
  const values: unknown[] = Array.isArray(all) ? all : [fields['mountpoint']];
  return values.map(text).filter((value) => value !== undefined);
}

function text(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  return value.trim() === '' ? undefined : value.trim();
}

function number(value: unknown): number | undefined {
  const parsed = typeof value === 'string' ? Number(value) : value;
  return typeof parsed === 'number' && Number.isFinite(parsed) ? parsed : undefined;
}

const flag = (value: unknown): boolean => value === true || value === '1' || value === 1;

/** A node and everything on top of it. */
export function flatten(node: LsblkNode): LsblkNode[] {
  return [node, ...node.children.flatMap(flatten)];
}
