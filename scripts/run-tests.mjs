// All tests, unit and end to end, with one plain last line for people and machines.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'rdt-tests-'));
const total = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
try {
  if (run('npm', ['run', '--silent', 'build'])) {
    runProject('unit');
    // Two files at a time: each has devices of its own, and waits for them more than it computes.
    runProject('e2e', '--maxWorkers=2', '--minWorkers=2');
  } else total.failed = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
// The last lines are what remains of a long log.
for (const failure of failures) console.log(`failed: ${failure}`);
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = total.failed === 0 ? 0 : 1;

function runProject(name, ...flags) {
  const report = join(folder, `${name}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const succeeded = run('npx', ['vitest', 'run', '--project', name, ...flags, ...reporters]);
  const {
    numPassedTests = 0,
    numFailedTests = 0,
    numPendingTests = 0,
    testResults = [],
  } = readReport(report);
  total.passed += numPassedTests;
  total.failed += numFailedTests;
  total.skipped += numPendingTests;
  failures.push(...testResults.flatMap(failuresOf));
  if (numFailedTests === 0 && (!succeeded || numPassedTests === 0)) {
    total.failed += 1;
    failures.push(`${name}: the run itself, see "Unhandled Errors" or a file that could not be loaded above`);
  }
}

/** The names of the failed tests of a file with the first lines of their reasons, and a file that could not be loaded. */
function failuresOf({ name, status, message, assertionResults }) {
  const failed = assertionResults.filter((test) => test.status === 'failed');
  if (failed.length === 0) return status === 'failed' ? [`${name}: ${firstLine(message)}`] : [];
  return failed.map((test) => `${name} > ${test.fullName}: ${firstLine(test.failureMessages[0])}`);
}

function firstLine(text = '') {
  return text.split('\n', 1)[0];
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
