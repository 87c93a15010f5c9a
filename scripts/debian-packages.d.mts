export function missingPackages(exists: (file: string) => boolean): string[];
export function offeredOf(missing: readonly string[], isOffered: (name: string) => boolean): string[];
