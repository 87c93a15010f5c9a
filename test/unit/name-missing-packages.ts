import { missingPackages } from './image/medium/programs.js';

/** Run once before all unit tests, by vitest: a test that is skipped does not say why. */
export function setup(): void {
  const missing = missingPackages();
  if (missing.length === 0) return;
  const names = missing.join(' ');
  console.warn(`Some tests are skipped for want of programs. On Debian: apt-get install ${names}\n`);
}
