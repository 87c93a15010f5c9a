import { named } from '../named.js';

/** Sockets, pipes and devices that were met: each is told once, and all of one walk in one line. */
export class SpecialFiles {
  private readonly told = new Set<string>();
  private met: string[] = [];

  constructor(private readonly warn: (message: string) => void) {}

  add(path: string): void {
    if (!this.told.has(path)) this.met.push(path);
    this.told.add(path);
  }

  /** To be called after a walk. */
  tell(): void {
    const { met } = this;
    this.met = [];
    if (met.length === 1) this.warn(`${named(met)} is neither file, folder nor link; it is not synced`);
    if (met.length > 1) this.warn(`${named(met)} are neither files, folders nor links; they are not synced`);
  }
}
