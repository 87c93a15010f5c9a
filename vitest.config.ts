import { delimiter } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Real engines, shells, links and terminals on a shared machine: a landing is not lost to one slow answer. At home nothing is retried. */
const retry = process.env['CI'] === 'true' ? 2 : 0;

/** Debian keeps the tools of file systems from the PATH of all but root. */
const PATH = [process.env['PATH'], '/usr/sbin', '/sbin'].join(delimiter);

export default defineConfig({
  test: {
    fileParallelism: true,
    projects: [
      {
        test: {
          name: 'unit',
          testTimeout: 60_000,
          retry,
          env: { PATH },
          include: ['test/unit/**/*.test.ts', 'test/contract/**/*.unit.test.ts'],
          globalSetup: ['test/unit/name-missing-packages.ts'],
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts', 'test/contract/**/*.e2e.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          retry,
        },
      },
    ],
  },
});
