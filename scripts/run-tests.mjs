// All tests, unit and end to end, with one plain last line for people and machines.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'rdt-tests-'));
const total = { passed: 0, failed: 0, skipped: 0 };
try {
  if (run('npm', ['run', '--silent', 'build'])) {
    runProject('unit');
    // Two files at a time: each has devices of its own, and waits for them more than it computes.
    runProject('e2e', '--maxWorkers=2', '--minWorkers=2');
  } else total.failed = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = total.failed === 0 ? 0 : 1;

function runProject(name, ...flags) {
  const report = join(folder, `${name}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const succeeded = run('npx', ['vitest', 'run', '--project', name, ...flags, ...reporters]);
  const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0 } = readReport(report);
  total.passed += numPassedTests;
  // A file that could not be loaded, and a run without a test, fail without a failed test.
  total.failed += numFailedTests === 0 && (!succeeded || numPassedTests === 0) ? 1 : numFailedTests;
  total.skipped += numPendingTests;
}

function run(command, args) {
  return spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] }).status === 0;
}

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    console.error(`no test report: ${error.message}`);
    return {};
  }
}
