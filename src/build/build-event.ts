/** A step of a build: an instruction of the Dockerfile, or something that the builder does around them. */
export interface BuildStep {
  /** Counts from 1 in the order in which steps appear; with BuildKit several run at the same time. */
  readonly number: number;
  /** `[2/4] RUN npm ci`, `[base 3/7] COPY . .`; what is no instruction has a name of the builder's own. */
  readonly name: string;
  /** `preparation`: the builder's own business, such as unpacking the context or exporting the image. */
  readonly kind: 'instruction' | 'preparation';
}

export type BuilderKind = 'buildkit' | 'classic';

/** What happens during a build, in order. Names and lines come from the device as they are: a view has to sanitise them. */
export type BuildEvent =
  /**
   * `totalBytes` is the size of the tar before compression, or of the files that the device has asked for by now; equal numbers
   * say that all of it has been sent. Not sent when the device lacks nothing.
   */
  | { readonly type: 'context-sent'; readonly sentBytes: number; readonly totalBytes: number }
  | { readonly type: 'step-started'; readonly step: BuildStep }
  | { readonly type: 'step-finished'; readonly step: BuildStep; readonly cached: boolean }
  | { readonly type: 'step-failed'; readonly step: BuildStep }
  /** Something with a size inside a step, such as a layer of a base image that is pulled. */
  | {
      readonly type: 'step-progress';
      readonly step: BuildStep;
      readonly item: string;
      readonly doneBytes: number;
      readonly totalBytes: number;
    }
  /** One whole line without its line end. */
  | {
      readonly type: 'output';
      readonly step: BuildStep;
      readonly stream: OutputStream;
      readonly line: string;
    }
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'built'; readonly imageId: string; readonly builder: BuilderKind }
  /** Always the last one, whatever became of the build: what is drawn of it and not final can go. */
  | { readonly type: 'ended' };

export type OutputStream = 'stdout' | 'stderr';

export type EmitBuildEvent = (event: BuildEvent) => void;
