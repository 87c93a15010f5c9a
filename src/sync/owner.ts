import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import { RdtError } from '../errors.js';
import type { Container, Engine } from '../transport/engine.js';
import type { Owner } from './deployment.js';
import { unlessRefused } from './state-token.js';

/**
 * The numeric owner of files that the container's own user would write. Names are looked up in the container's `/etc/passwd` and
 * `/etc/group`; the engine's own lookup fails for numeric users (SYNC.md, section 1, `copyUIDGID`).
 * @throws RdtError when a name is in neither file.
 */
export async function ownerOf(engine: Engine, container: Container, signal: AbortSignal): Promise<Owner> {
  const [user = '', group] = container.user.split(':');
  if (user === '') return { uid: 0, gid: 0 };
  const fromPasswd = async (): Promise<Owner> =>
    lookUpUser(await readFile(engine, container.id, '/etc/passwd', signal), user);
  const account =
    isNumeric(user) && (group === undefined || isNumeric(group)) ? undefined : await fromPasswd();
  const uid = isNumeric(user) ? Number(user) : account?.uid;
  if (uid === undefined) throw unknownName('user', user);
  if (group === undefined) return { uid, gid: account?.gid ?? 0 };
  if (isNumeric(group)) return { uid, gid: Number(group) };
  const gid = fieldOf(await readFile(engine, container.id, '/etc/group', signal), group, 2);
  if (gid === undefined) throw unknownName('group', group);
  return { uid, gid };
}

const isNumeric = (text: string): boolean => /^\d+$/.test(text);

const unknownName = (what: string, name: string): RdtError =>
  new RdtError(
    `the container runs as ${what} ${name}, which its /etc/${what === 'user' ? 'passwd' : 'group'} does not know`,
    {
      hint: `Use a numeric id in the Dockerfile's USER.`,
    },
  );

function lookUpUser(passwd: string, user: string): Owner {
  const uid = fieldOf(passwd, user, 2);
  const gid = fieldOf(passwd, user, 3);
  if (uid === undefined || gid === undefined) throw unknownName('user', user);
  return { uid, gid };
}

function fieldOf(table: string, name: string, index: number): number | undefined {
  const row = table
    .split('\n')
    .map((line) => line.split(':'))
    .find(([first]) => first === name);
  const field = row?.[index];
  return field !== undefined && isNumeric(field) ? Number(field) : undefined;
}

/** A file of the container, also where a link leads to it; '' where there is none. */
async function readFile(
  engine: Engine,
  container: string,
  path: string,
  signal: AbortSignal,
): Promise<string> {
  const found = await readEntry(engine, container, path, signal);
  if (found?.type !== 'symlink') return textOf(found);
  // The engine follows it to its end, as seen from inside the container; it refuses to follow one that has none.
  const stat = await unlessRefused(engine.statPath(container, path, signal));
  return stat === undefined ? '' : textOf(await readEntry(engine, container, stat.linkTarget, signal));
}

interface FoundEntry {
  readonly type: string;
  readonly text: string;
}

const textOf = (found: FoundEntry | undefined): string => (found?.type === 'file' ? found.text : '');

/** What is at that path itself. */
async function readEntry(
  engine: Engine,
  container: string,
  path: string,
  signal: AbortSignal,
): Promise<FoundEntry | undefined> {
  const archive = await engine.getArchive(container, path, signal);
  if (archive === undefined) return undefined;
  const entries = extract();
  archive.on('error', (error) => entries.destroy(error)).pipe(entries);
  const found: FoundEntry[] = [];
  for await (const entry of entries) {
    const bytes = await buffer(entry);
    found.push({ type: entry.header.type, text: bytes.toString() });
  }
  return found[0];
}
