import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ExitCode } from '../../../src/errors.js';
import { forgetDevice } from '../../../src/transport/forget-device.js';
import { checkHostKey } from '../../../src/transport/host-key-check.js';
import { describeHostKeyEvent, type HostKeyEvent } from '../../../src/transport/host-key-event.js';
import { KnownHostsFile } from '../../../src/transport/known-hosts-file.js';
import { parseKnownHosts, type SshHost } from '../../../src/transport/known-hosts.js';

/** It has no permission bits: what lies in a user's own folder is his. And it replaces no file that is open, so nobody loses a line by that. */
const onWindows = process.platform === 'win32';
const kitchen: SshHost = { name: 'kitchen', address: '10.0.0.5', port: 22222 };
const key = (letter: string) => ({ type: 'ssh-ed25519', base64: letter.repeat(8) });

describe('the file of known hosts', () => {
  let folder: string;
  let path: string;
  let events: HostKeyEvent[];
  const file = () => new KnownHostsFile(path);
  const check = (host: SshHost, letter: string) =>
    checkHostKey(file(), host, key(letter), (event) => events.push(event));

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rdt-known-hosts-'));
    path = join(folder, 'state', 'known_hosts');
    events = [];
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('is made at first use, for its owner only, and the person is told once', async () => {
    await check(kitchen, 'A');
    await check(kitchen, 'A');
    expect(readFileSync(path, 'utf8')).toBe('[kitchen]:22222,[10.0.0.5]:22222 ssh-ed25519 AAAAAAAA\n');
    if (!onWindows) expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(events).toMatchObject([{ type: 'host-key-stored', keyType: 'ssh-ed25519', namesakes: 0 }]);
    expect(events.map(describeHostKeyEvent)[0]).toMatch(/kitchen \(10\.0\.0\.5:22222\).*SHA256:/);
  });

  it('stops a changed key with what to do', async () => {
    await check(kitchen, 'A');
    const failure = check(kitchen, 'B');
    await expect(failure).rejects.toMatchObject({ exitCode: ExitCode.auth });
    await expect(failure).rejects.toThrow(/kitchen.*has changed.*SHA256:.*SHA256:/);
    await expect(failure).rejects.toHaveProperty('hint', expect.stringContaining('flashed again'));
    await expect(failure).rejects.toHaveProperty(
      'hint',
      expect.stringContaining('rdt known-hosts forget 10.0.0.5'),
    );
    expect(readFileSync(path, 'utf8')).not.toContain('BBBBBBBB');
  });

  it('takes the new key after the old one was forgotten', async () => {
    await check(kitchen, 'A');
    expect(await forgetDevice(file(), '10.0.0.5')).toHaveLength(1);
    await check(kitchen, 'B');
    expect(parseKnownHosts(readFileSync(path, 'utf8')).map((known) => known.key)).toEqual([key('B')]);
  });

  it('leaves nothing beside it when something was forgotten', async () => {
    await check(kitchen, 'A');
    await forgetDevice(file(), '10.0.0.5');
    expect(readdirSync(join(folder, 'state'))).toEqual(['known_hosts']);
  });

  it('says so when there is nothing to forget', async () => {
    await expect(forgetDevice(file(), 'kitchen')).rejects.toThrow('No ssh host key is known of kitchen');
  });

  it('keeps every line when many write at once', async () => {
    const hosts = Array.from({ length: 60 }, (_, index) => ({
      ...kitchen,
      name: `device-${index}`,
      address: `10.0.1.${index}`,
    }));
    await check({ ...kitchen, name: 'old', address: '10.0.0.1' }, 'Z');
    await Promise.all([
      ...hosts.map((host, index) =>
        checkHostKey(file(), host, { type: 'ssh-ed25519', base64: `AAAA${index}` }, () => undefined),
      ),
    ]);
    expect(parseKnownHosts(await file().read())).toHaveLength(61);
  });

  describe('that two processes change at once', () => {
    /** Lets another process come in between, when this one takes the file for settled. */
    class Contested extends KnownHostsFile {
      private last: string | undefined;

      constructor(private readonly meanwhile: () => Promise<void>) {
        super(path);
      }

      override async read(): Promise<string> {
        const text = await super.read();
        if (text === this.last) await this.meanwhile();
        this.last = text;
        return text;
      }
    }
    const shed = '[10.0.0.6]:22222 ssh-ed25519 SHED\n';
    const attic = '[10.0.0.7]:22222 ssh-ed25519 ATTIC\n';

    beforeEach(async () => {
      await check(kitchen, 'A');
    });

    it('keeps a line that comes as the last thing before it is replaced', async () => {
      const contested = new Contested(() => file().append(shed));
      await contested.rewrite(() => '');
      expect(await file().read()).toBe(shed);
    });

    it.skipIf(onWindows)('keeps a line whose writer has the old file open when it is replaced', async () => {
      const contested = new Contested(() => file().rewrite(() => attic));
      await contested.read();
      await contested.append(shed);
      expect(await file().read()).toBe(`${attic}${shed}`);
    });
  });

  it('adds to a line that a crash cut short without losing its own', async () => {
    await check(kitchen, 'A');
    writeFileSync(path, '[shed]:22222,[10.0.0.6]:22222 ssh-ed255', { flag: 'a' });
    await check({ ...kitchen, name: 'attic', address: '10.0.0.7' }, 'B');
    expect(parseKnownHosts(await file().read()).map((known) => known.key)).toEqual([key('A'), key('B')]);
  });

  it('is read where it cannot be written: the connection goes on and the person is told', async () => {
    writeFileSync(join(folder, 'state'), 'a file where the folder should be');
    const store = {
      path,
      read: () => Promise.resolve(''),
      append: (line: string) => file().append(line),
      rewrite: () => Promise.reject(new Error('unused')),
    };
    await checkHostKey(store, kitchen, key('A'), (event) => events.push(event));
    expect(events.map(describeHostKeyEvent)[0]).toContain('Cannot store the ssh host key');
  });

  it('that is a folder is an error, not an empty file', async () => {
    await expect(new KnownHostsFile(folder).read()).rejects.toThrow('Cannot read the known host keys');
  });
});
