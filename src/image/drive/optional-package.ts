import { createRequire } from 'node:module';
import { RdtError } from '../../errors.js';

const require = createRequire(import.meta.url);

/** Loads a package that rdt can be installed without. Throws an `RdtError` that says how to add it. */
export function loadOptionalPackage(name: string, install: string): unknown {
  try {
    return require(name);
  } catch (cause) {
    throw new RdtError(`this system needs the package ${install} to write drives`, {
      hint: `npm install --global ${install}\nImage files can be written without it.`,
      cause,
    });
  }
}
