/** A file of the package by its path from the package's root. The code lies one folder below it, as source in `src/` and as a bundle in `dist/`. */
export const packageFile = (path: string): URL => new URL(`../${path}`, import.meta.url);
