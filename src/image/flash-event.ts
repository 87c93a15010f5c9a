import type { RdtError } from '../errors.js';
import type { BlockMapOrigin } from './block-map.js';
import type { Drive } from './flash-drive.js';
import type { ImageFormat } from './flash-source.js';

export type FlashPhase = 'opening' | 'writing' | 'verifying' | 'configuring' | 'finishing';

/** What is about to be written, decided before any drive is touched. */
export interface FlashPlan {
  readonly image: string;
  readonly formats: readonly ImageFormat[];
  /** Undefined for a packed image that does not tell. */
  readonly imageBytes: number | undefined;
  readonly mapOrigin: BlockMapOrigin;
  /** Undefined as `imageBytes` is, unless a bmap tells. */
  readonly mappedBytes: number | undefined;
  readonly rangeCount: number | undefined;
  readonly drives: readonly Drive[];
  readonly verify: boolean;
  readonly configure: boolean;
  /** What the user should know of how the image is read, in full sentences. */
  readonly notes: readonly string[];
}

/** How far one drive is in one phase. */
export interface FlashProgress {
  readonly drive: string;
  readonly phase: FlashPhase;
  readonly doneBytes: number;
  /** Undefined while the image's size is unknown; then `packedFraction` is what there is. */
  readonly totalBytes: number | undefined;
  /** 0 to 1: how much of the packed image was read, for the writing of images of unknown size. */
  readonly packedFraction: number | undefined;
}

/** How it ended for one drive. */
export type DriveVerdict =
  | {
      readonly kind: 'written';
      readonly drive: string;
      readonly imageBytes: number;
      readonly writtenBytes: number;
      readonly rangeCount: number;
      /** Undefined when verification was not wanted. */
      readonly verifiedBytes: number | undefined;
      readonly seconds: number;
    }
  | { readonly kind: 'failed'; readonly drive: string; readonly phase: FlashPhase; readonly error: RdtError };

export type FlashEvent =
  | { readonly type: 'planned'; readonly plan: FlashPlan }
  | { readonly type: 'unmounted'; readonly drive: string; readonly mountPoints: readonly string[] }
  /** These drives are incomplete. */
  | { readonly type: 'interrupted'; readonly drives: readonly string[] }
  | { readonly type: 'progress'; readonly progress: FlashProgress }
  | { readonly type: 'verdict'; readonly verdict: DriveVerdict };

export type EmitFlashEvent = (event: FlashEvent) => void;
