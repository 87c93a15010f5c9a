import type { DriveVerdict, FlashEvent, FlashPlan } from '../image/flash-event.js';
import type { FlashPace } from '../image/flash-meter.js';

/** The events of `rdt flash --json`: a stable interface. Keys that are not known are left out. */
export function flashJson(event: FlashEvent, pace: FlashPace | undefined): object {
  switch (event.type) {
    case 'planned':
      return { type: 'plan', ...planJson(event.plan) };
    case 'unmounted':
    case 'interrupted':
      return event;
    case 'progress':
      return { type: 'progress', ...event.progress, ...pace };
    case 'verdict':
      return { type: 'verdict', ...verdictJson(event.verdict) };
  }
}

const planJson = (plan: FlashPlan): object => ({
  ...plan,
  drives: plan.drives.map(({ path, kind, sizeBytes, model, bus, removable, volumes }) => {
    return { path, kind, sizeBytes, model, bus, removable, volumes };
  }),
});

function verdictJson(verdict: DriveVerdict): object {
  if (verdict.kind === 'written') return verdict;
  const { drive, kind, phase, error } = verdict;
  return { kind, drive, phase, message: error.message, hint: error.hint };
}
