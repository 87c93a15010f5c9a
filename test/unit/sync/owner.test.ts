import { expect, it } from 'vitest';
import { ownerOf } from '../../../src/sync/owner.js';
import { FakeEngine } from '../../contract/fake-engine.js';

/** Of what a container with these files writes, when it runs as this user. */
async function ownerIn(files: Readonly<Record<string, string | { linkTo: string }>>, user: string) {
  await using engine = new FakeEngine();
  const image = engine.addImage('app', { user });
  for (const [path, content] of Object.entries(files)) {
    if (typeof content === 'string') image.files.write(path, content);
    else
      image.files.put(path, {
        kind: 'symlink',
        target: content.linkTo,
        mode: 0o777,
        uid: 0,
        gid: 0,
        mtimeMs: 0,
      });
  }
  const id = await engine.createContainer('app', { Image: 'app', Labels: {}, HostConfig: {} });
  const container = await engine.inspectContainer(id);
  if (container === undefined) throw new Error('the container is not there');
  return await ownerOf(engine, container, new AbortController().signal);
}

const PASSWD = 'root:x:0:0::/root:/bin/sh\njoe:x:1000:1001::/home/joe:/bin/sh\n';
const GROUP = 'root:x:0:\nstaff:x:50:joe\n';

it.each([
  ['', { uid: 0, gid: 0 }],
  ['7', { uid: 7, gid: 0 }],
  ['7:8', { uid: 7, gid: 8 }],
  ['joe', { uid: 1000, gid: 1001 }],
  ['1000', { uid: 1000, gid: 0 }],
  ['joe:staff', { uid: 1000, gid: 50 }],
])('of a container that runs as %j', async (user, owner) => {
  expect(await ownerIn({ '/etc/passwd': PASSWD, '/etc/group': GROUP }, user)).toEqual(owner);
});

it('is found where the files with the names are links', async () => {
  const files = {
    '/etc/passwd': { linkTo: '../usr/share/accounts' },
    '/usr/share/accounts': { linkTo: 'passwd' },
    '/usr/share/passwd': PASSWD,
    '/etc/group': { linkTo: '/data/group' },
    '/data/group': GROUP,
  };
  expect(await ownerIn(files, 'joe:staff')).toEqual({ uid: 1000, gid: 50 });
});

it.each([
  ['to itself', '/etc/passwd'],
  ['to nothing', '/no/such'],
  ['to a folder', '/etc'],
])('is not known where the file with the names is a link %s', async (_, linkTo) => {
  await expect(ownerIn({ '/etc/passwd': { linkTo } }, 'joe')).rejects.toThrow(
    'the container runs as user joe, which its /etc/passwd does not know',
  );
});
