import { ExitCode, RdtError } from '../errors.js';
import type { Clock } from '../runtime.js';
import { totalBytes } from './block-map.js';
import type { CardConfiguration, FlashSettings } from './flash-configuration.js';
import { askConsent, type FlashDialog } from './flash-consent.js';
import {
  mountedVolumes,
  type Drive,
  type DriveAccess,
  type DriveCatalog,
  type OpenDrive,
} from './flash-drive.js';
import { standingOf, type ImageNeeds } from './flash-drive-rules.js';
import type { DriveVerdict, EmitFlashEvent, FlashPlan } from './flash-event.js';
import { flash } from './flash.js';
import type { ImageSource, OpenImage, OpenImageRequest } from './flash-source.js';

export interface FlashRequest {
  readonly image: OpenImageRequest;
  /** As the user named them; none means to choose from the list. */
  readonly drives: readonly string[];
  readonly yes: boolean;
  /** Together with `yes`: large and fixed drives too. */
  readonly force: boolean;
  readonly verify: boolean;
  /** Go as far as the question, and answer it with no. */
  readonly dryRun: boolean;
  /** What each written card is set up with. */
  readonly settings: FlashSettings;
}

export interface FlashPorts {
  readonly openImage: OpenImage;
  readonly catalog: DriveCatalog;
  readonly access: DriveAccess;
  /** Undefined when nothing is to be set. Throws an `RdtError` (usage) for settings that are wrong or do not fit together. */
  prepareConfiguration(settings: FlashSettings): Promise<CardConfiguration | undefined>;
  /** Undefined where nobody can be asked. */
  readonly dialog: FlashDialog | undefined;
  readonly clock: Clock;
}

/** `runFlash`, wired to a machine. */
export type FlashRun = (
  request: FlashRequest,
  emit: EmitFlashEvent,
  signal: AbortSignal,
) => Promise<readonly DriveVerdict[]>;

/**
 * Writes an image to drives: judges both, asks, unmounts, writes, verifies, configures. Resolves with a verdict for each drive, none
 * for a dry run. Throws an `RdtError` for everything that is found before a drive is touched, then none was.
 */
export async function runFlash(
  request: FlashRequest,
  ports: FlashPorts,
  emit: EmitFlashEvent,
  signal: AbortSignal,
): Promise<readonly DriveVerdict[]> {
  refuseWithoutConsent(request, ports);
  refuseTwoReadersOfInput(request);
  const configuration = await ports.prepareConfiguration(request.settings);
  const source = await ports.openImage(request.image, signal);
  try {
    if (source.reader !== undefined) await configuration?.check(source.reader);
    const needs = await needsOf(source, request, ports.catalog);
    const drives = await chooseDrives(request, needs, ports, signal);
    const plan = planOf(source, drives, { verify: request.verify, configure: configuration !== undefined });
    emit({ type: 'planned', plan });
    if (request.dryRun) return [];
    await askConsent(plan, needs, request, ports.dialog, signal);
    const session = new Session({ verify: request.verify, configuration }, ports, emit, signal);
    return await session.write(source, drives);
  } finally {
    await source.close();
  }
}

/** Known from the command line alone, so said before a download begins. */
function refuseWithoutConsent(request: FlashRequest, { dialog }: FlashPorts): void {
  if (dialog !== undefined) return;
  const usage = (message: string, hint: string) => new RdtError(message, { exitCode: ExitCode.usage, hint });
  if (request.drives.length === 0) {
    throw usage('no drive is named, and there is no terminal to choose one on', 'Name it with --drive.');
  }
  if (!request.yes && !request.dryRun) {
    throw usage('there is no terminal to ask on whether the drive may be erased', 'Say --yes if it may.');
  }
}

/** Both the image and the Wi-Fi key from standard input: neither would arrive whole. */
function refuseTwoReadersOfInput({ image, settings }: FlashRequest): void {
  if (image.image !== '-' || settings.given.wifi?.key?.kind !== 'stdin') return;
  throw new RdtError('the image and the Wi-Fi key cannot both come from standard input', {
    exitCode: ExitCode.usage,
    hint: 'Use --wifi-key-file, or the variable RDT_WIFI_KEY.',
  });
}

async function needsOf(
  source: ImageSource,
  request: FlashRequest,
  catalog: DriveCatalog,
): Promise<ImageNeeds> {
  const { image } = request.image;
  const isLocal = image !== '-' && !/^https?:\/\//i.test(image);
  const place = isLocal ? await catalog.placeOf(image) : undefined;
  return { sizeBytes: source.sizeBytes ?? source.leastSizeBytes, place };
}

async function chooseDrives(
  request: FlashRequest,
  needs: ImageNeeds,
  { catalog, access, dialog }: FlashPorts,
  signal: AbortSignal,
): Promise<Drive[]> {
  const drives = new Map<string, Drive>();
  for (const name of request.drives) {
    const drive = await catalog.find(name, signal);
    const standing = standingOf(drive, needs);
    if (standing.kind === 'refused') {
      throw new RdtError(`${drive.path} cannot be flashed: ${standing.why}`, {
        hint: 'Nothing was written.',
      });
    }
    await access.checkPermission(drive);
    drives.set(drive.path, drive);
  }
  if (drives.size > 0 || dialog === undefined) return [...drives.values()];
  const offered = async (): Promise<readonly Drive[]> =>
    (await catalog.list(signal)).filter((drive) => standingOf(drive, needs).kind !== 'refused');
  const chosen = await dialog.chooseDrive(offered, signal);
  await access.checkPermission(chosen);
  return [chosen];
}

function planOf(
  source: ImageSource,
  drives: readonly Drive[],
  steps: Pick<FlashPlan, 'verify' | 'configure'>,
): FlashPlan {
  const { map } = source;
  return {
    image: source.name,
    formats: source.formats,
    imageBytes: source.sizeBytes,
    mapOrigin: map?.origin ?? 'whole',
    mappedBytes: map === undefined ? undefined : totalBytes(map.ranges),
    rangeCount: map?.ranges.length,
    drives,
    ...steps,
    notes: source.notes,
  };
}

interface SessionSteps {
  readonly verify: boolean;
  readonly configuration: CardConfiguration | undefined;
}

class Session {
  constructor(
    private readonly steps: SessionSteps,
    private readonly ports: FlashPorts,
    private readonly emit: EmitFlashEvent,
    private readonly signal: AbortSignal,
  ) {}

  /** A drive that cannot be opened fails alone. */
  async write(source: ImageSource, drives: readonly Drive[]): Promise<DriveVerdict[]> {
    const opened: OpenDrive[] = [];
    try {
      const failures: DriveVerdict[] = [];
      for (const drive of drives) {
        const result = await this.open(drive);
        if ('kind' in result) failures.push(this.conclude(result));
        else opened.push(result);
      }
      if (opened.length === 0) return failures;
      const verdicts = await this.flash(source, opened);
      return [...failures, ...verdicts.map((verdict) => this.conclude(verdict))];
    } catch (error) {
      const names = opened.map((drive) => drive.path);
      if (this.signal.aborted && names.length > 0) this.emit({ type: 'interrupted', drives: names });
      throw error;
    } finally {
      await Promise.all(opened.map((drive) => drive.close()));
    }
  }

  private async open(drive: Drive): Promise<OpenDrive | DriveVerdict> {
    try {
      const mountPoints = mountedVolumes(drive).flatMap((volume) => volume.mountPoints);
      await this.ports.access.unmount(drive, this.signal);
      if (mountPoints.length > 0) this.emit({ type: 'unmounted', drive: drive.path, mountPoints });
      return await this.ports.access.open(drive, this.signal);
    } catch (error) {
      this.signal.throwIfAborted();
      if (!(error instanceof RdtError)) throw error;
      return { kind: 'failed', drive: drive.path, phase: 'opening', error };
    }
  }

  private flash(source: ImageSource, drives: readonly OpenDrive[]): Promise<DriveVerdict[]> {
    const { configuration, verify } = this.steps;
    const { clock } = this.ports;
    return flash(
      {
        source,
        drives,
        verify,
        configure: configuration && ((device) => configuration.apply(device, this.signal)),
        monotonicMs: () => clock.monotonicMs(),
        progress: (progress) => this.emit({ type: 'progress', progress }),
      },
      this.signal,
    );
  }

  private conclude(verdict: DriveVerdict): DriveVerdict {
    this.emit({ type: 'verdict', verdict });
    return verdict;
  }
}
