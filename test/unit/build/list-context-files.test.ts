import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { asNobody } from '../as-nobody.js';
import type { BuildEvent } from '../../../src/build/build-event.js';
import { listContextFiles } from '../../../src/build/context/list-context-files.js';
import { parseDockerIgnore } from '../../../src/build/docker-ignore.js';
import { RdtError } from '../../../src/errors.js';
import { temporaryFolder } from './temporary-folder.js';

const onWindows = process.platform === 'win32';

async function list(source: string, ignoreText = '', platform: NodeJS.Platform = process.platform) {
  const warnings: string[] = [];
  const ignore = parseDockerIgnore({ name: '.dockerignore', text: ignoreText, always: [] });
  const emit = (event: BuildEvent) => event.type === 'warning' && warnings.push(event.message);
  const entries = await listContextFiles({ source, ignore, platform }, emit);
  return { entries, paths: entries.map((entry) => entry.path), warnings };
}

describe('the files of a build context', () => {
  it('come with parents before their content, in an order that is always the same', async () => {
    const source = temporaryFolder({ 'b/2': '', 'b/10': '', 'a.txt': 'abc', C: '', 'empty/': '' });
    const { entries, paths } = await list(source);
    expect(paths).toEqual(['C', 'a.txt', 'b', 'b/10', 'b/2', 'empty']);
    expect(entries[1]).toMatchObject({ type: 'file', sizeBytes: 3 });
    expect(entries[5]).toMatchObject({ type: 'folder' });
  });

  it('leave out what the rules exclude, and folders of which nothing is sent', async () => {
    const source = temporaryFolder({
      'lib/a/keep': '',
      'lib/a/drop': '',
      'lib/b/drop': '',
      'src/x': '',
      log: '',
    });
    expect((await list(source, 'lib\nlog\n!lib/a/keep')).paths).toEqual([
      'lib',
      'lib/a',
      'lib/a/keep',
      'src',
      'src/x',
    ]);
  });

  it('keep an empty folder that is not excluded', async () => {
    expect((await list(temporaryFolder({ 'a/b/': '' }), 'x')).paths).toEqual(['a', 'a/b']);
  });

  it.skipIf(onWindows)('keep links as they are, wherever they lead', async () => {
    const source = temporaryFolder({ 'dir/file': '' });
    for (const [name, target] of [
      ['out', '/etc'],
      ['loop', '.'],
      ['dir/up', '..'],
      ['gone', 'no/where'],
    ] as const) {
      symlinkSync(target, path.join(source, name));
    }
    const links = (await list(source)).entries.filter((entry) => entry.type === 'symlink');
    expect(links.map(({ path: at, target }) => [at, target.toString()])).toEqual([
      ['dir/up', '..'],
      ['gone', 'no/where'],
      ['loop', '.'],
      ['out', '/etc'],
    ]);
  });

  it.skipIf(onWindows)('leave out sockets and pipes with a warning that names them', async () => {
    const source = temporaryFolder({ file: '' });
    execFileSync('mkfifo', [path.join(source, 'pipe')]);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path.join(source, 'sock'), resolve));
    const { paths, warnings } = await list(source);
    await new Promise((resolve) => server.close(resolve));
    expect(paths).toEqual(['file']);
    expect(warnings).toEqual(['left out of the build: pipe, sock are sockets, pipes or devices']);
  });

  it.skipIf(onWindows)('say what the only one that they leave out is', async () => {
    const source = temporaryFolder({ 'a/': '' });
    execFileSync('mkfifo', [path.join(source, 'a/pipe')]);
    expect((await list(source)).warnings).toEqual(['left out of the build: a/pipe is a pipe']);
  });

  it.skipIf(process.platform !== 'linux')(
    'keep names that are no UTF-8, and names with line breaks',
    async () => {
      const source = temporaryFolder({ 'new\nline': '' });
      const folder = Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0x66, 0xff])]);
      mkdirSync(folder);
      writeFileSync(Buffer.concat([folder, Buffer.from('/ü')]), '');
      const { entries, paths } = await list(source);
      expect(paths).toEqual(['f\uFFFD', 'f\uFFFD/ü', 'new\nline']);
      expect(entries[1]?.rawPath).toEqual(Buffer.from([0x66, 0xff, 0x2f, 0xc3, 0xbc]));
      expect(entries[2]?.rawPath).toBeUndefined();
    },
  );

  it.skipIf(onWindows)('keep permission bits, with setuid and setgid', async () => {
    const source = temporaryFolder({ a: '', b: '' });
    // As its folder's, it may be a group that this user is not in, for which nobody but root may set the bit.
    chownSync(path.join(source, 'a'), -1, process.getegid?.() ?? -1);
    chmodSync(path.join(source, 'a'), 0o6755);
    chmodSync(path.join(source, 'b'), 0o640);
    expect((await list(source)).entries.map(({ mode }) => mode)).toEqual([0o6755, 0o640]);
  });

  it('are executable when they come from Windows, as with the docker client', async () => {
    const { entries } = await list(temporaryFolder({ 'a/run.sh': '' }), '', 'win32');
    expect(entries.map(({ mode }) => mode)).toEqual([0o755, 0o755]);
  });

  it.skipIf(onWindows)('must be readable, unless the rules exclude them', async () => {
    const source = temporaryFolder({ 'secret/key': '', 'closed/': '' });
    chmodSync(source, 0o755);
    chmodSync(path.join(source, 'secret/key'), 0);
    const failure = asNobody(() => list(source));
    await expect(failure).rejects.toThrow(RdtError);
    await expect(failure).rejects.toThrow(/secret\/key/);
    chmodSync(path.join(source, 'closed'), 0);
    await expect(asNobody(() => list(source, 'secret'))).rejects.toThrow(/Cannot read closed/);
    expect((await asNobody(() => list(source, 'secret\nclosed'))).paths).toEqual([]);
    chmodSync(path.join(source, 'closed'), 0o755);
  });

  it('are not listed further when the signal is aborted', async () => {
    const ignore = parseDockerIgnore({ name: 'x', text: '', always: [] });
    const reason = new Error('enough');
    const listing = { source: temporaryFolder({ a: '' }), ignore, platform: process.platform };
    await expect(listContextFiles(listing, () => undefined, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
