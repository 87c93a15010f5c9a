import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mustRun } from '../testbed/program.js';

const PREPARE = join(import.meta.dirname, '../../scripts/prepare.mjs');

/** A folder that a mount can lie over, and the package of which it is then missing. */
const HIDDEN = '/usr/share/doc/gir1.2-nm-1.0';
const PACKAGE = 'gir1.2-nm-1.0';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rdt-prepare-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What `prepare.mjs --device` asks of an apt that writes down how it was called, with `HIDDEN` empty. */
async function askedOfApt(): Promise<string[]> {
  const calls = join(folder, 'calls.txt');
  const apt = ['#!/bin/sh', `echo "$@" >>'${calls}'`].join('\n');
  writeFileSync(join(folder, 'apt-get'), apt, { mode: 0o755 });
  const hide = 'mount -t tmpfs none "$1" && shift && exec "$@"';
  const prepare = ['env', `PATH=${folder}:${process.env['PATH']}`, process.execPath, PREPARE, '--device'];
  await mustRun(['unshare', '--mount', 'sh', '-c', hide, 'sh', HIDDEN, ...prepare]);
  return readFileSync(calls, 'utf8').trim().split('\n');
}

describe('a machine on which a Debian package is missing', () => {
  it('has it installed, and no other', async () => {
    expect(await askedOfApt()).toEqual(['update -q', `install -y -q --no-install-recommends ${PACKAGE}`]);
  });
});
