import type { Readable } from 'node:stream';
import { Readable as ReadableStream } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { PART_BYTES } from '../../src/sync/blocks.js';
import {
  ARRIVED,
  FOLDER_STATUS,
  NO_FOLDER_STATUS,
  OTHER_BASE_STATUS,
  STAGE_LOOP_SCRIPT,
  STAGE_SCRIPT,
  STALE_STATUS,
} from '../../src/sync/stage-script.js';
import { unpack, unpackByTar } from './fake-archive.js';
import { type FakeFileTree, newDirectory } from './fake-file-tree.js';
import type { FakeProcess } from './fake-process.js';

/** What rdt's own scripts do in a container, played on the files of a `FakeEngine`; undefined for any other program. */
export function playStages(process: FakeProcess): Promise<number> | undefined {
  const [program, , script] = process.argv;
  if (program !== 'sh') return undefined;
  if (script === STAGE_SCRIPT) return playOne(process);
  if (script === STAGE_LOOP_SCRIPT) return playLoop(process);
  return undefined;
}

interface FakeStage {
  readonly folder: string;
  readonly token: string;
  readonly mode: string;
  readonly expected: string;
  readonly id: string;
  readonly archive: Buffer;
  readonly onArrived?: () => void;
}

class StageFailure extends Error {
  constructor(
    readonly status: number,
    message = '',
  ) {
    super(message);
  }
}

async function playOne({ argv, files, stdin, stdout, stderr }: FakeProcess): Promise<number> {
  const [folder = '', token = '', mode = '', expected = '', id = '', packing] = argv.slice(4);
  const sent = Buffer.concat(await stdin.toArray());
  const archive = packing === 'gzip' ? gunzipSync(sent) : sent;
  const { status, errors } = await statusOf(files, { folder, token, mode, expected, id, archive });
  stderr.write(errors);
  stdout.write(`rdt:${status}\n`);
  return 0;
}

/** Ends with its input, or when its container does. */
async function playLoop({ argv, files, stdin, stdout, killed }: FakeProcess): Promise<number> {
  const input = new Input(stdin);
  killed.addEventListener('abort', () => stdin.destroy(), { once: true });
  stdout.write('rdt:ready gzip\n');
  for (;;) {
    const words = (await input.line())?.split(' ').map((word) => (word === '-' ? '' : word));
    if (words === undefined) return killed.aborted ? 137 : 0;
    const [id = '', number = '', token = '', mode = '', expected = '', bytes = '', packing = ''] = words;
    const packed = await input.bytes(Number(bytes));
    if (packed === undefined) return killed.aborted ? 137 : 0;
    const archive = packing === 'gzip' ? gunzipSync(packed) : packed;
    const folder = argv[3 + Number(number)] ?? '';
    const onArrived = (): void => void stdout.write(`rdt:${id}:${ARRIVED}\n`);
    const stage = { folder, token, mode, expected, id, archive, onArrived };
    const { status, errors } = await statusOf(files, stage);
    stdout.write(`${errors}rdt:${id}:${status}\n`);
  }
}

/** Lines and pieces of known length of one stream; undefined at its end. */
class Input {
  private rest = Buffer.alloc(0);
  private readonly chunks: AsyncIterator<Buffer>;

  constructor(stream: Readable) {
    this.chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  async line(): Promise<string | undefined> {
    while (!this.rest.includes(10)) if (!(await this.more())) return undefined;
    return this.take(this.rest.indexOf(10) + 1)
      .toString('utf8')
      .trimEnd();
  }

  async bytes(count: number): Promise<Buffer | undefined> {
    while (this.rest.length < count) if (!(await this.more())) return undefined;
    return this.take(count);
  }

  private take(count: number): Buffer {
    const taken = this.rest.subarray(0, count);
    this.rest = this.rest.subarray(count);
    return taken;
  }

  private async more(): Promise<boolean> {
    try {
      const next = await this.chunks.next();
      if (next.done === true) return false;
      this.rest = Buffer.concat([this.rest, next.value]);
      return true;
    } catch {
      // Killed, as a process is by the end of its container.
      return false;
    }
  }
}

async function statusOf(files: FakeFileTree, stage: FakeStage): Promise<{ status: number; errors: string }> {
  try {
    await carryOut(files, stage);
    return { status: 0, errors: '' };
  } catch (error) {
    const status = error instanceof StageFailure ? error.status : 1;
    if (status !== STALE_STATUS) files.remove(`${stage.folder}/.rdt-stage`);
    const message = error instanceof Error ? error.message : String(error);
    return { status, errors: message === '' ? '' : `${message}\n` };
  }
}

async function carryOut(
  files: FakeFileTree,
  { folder, token, mode, expected, id, archive, onArrived }: FakeStage,
): Promise<void> {
  if (files.find(folder)?.kind === 'file') throw new StageFailure(NO_FOLDER_STATUS, 'File exists');
  const state = files.find(`${folder}/.rdt-state`);
  const found = state?.kind === 'symlink' ? state.target : 'none';
  if (expected !== '' && found !== expected && found !== token) throw new StageFailure(STALE_STATUS);
  if (files.find(folder) === undefined) files.put(folder, newDirectory());
  files.remove(`${folder}/.rdt-stage`);
  await unpack(files, folder, ReadableStream.from([archive]));
  const staged = `${folder}/.rdt-stage/${id}`;
  const moves = files.read(`${staged}/moves`);
  if (moves === undefined) throw new StageFailure(1, 'the archive was cut short');
  onArrived?.();
  const kindOf = (path: string): string | undefined => files.find(`${folder}/${path}`)?.kind;
  const isTaken =
    folders(files, `${staged}/parents`).some((path) => kindOf(path) !== 'directory') ||
    folders(files, `${staged}/folders`).some((path) => !['directory', undefined].includes(kindOf(path)));
  if (isTaken) {
    files.remove(`${folder}/.rdt-stage`);
    throw new StageFailure(STALE_STATUS);
  }
  refuseFolders(files, folder, moves);
  for (const path of folders(files, `${staged}/targets`))
    if (kindOf(path) === 'directory') throw new StageFailure(FOLDER_STATUS, `${path} is a folder`);
  if (mode === 'strict') {
    refuseOthers(files, folder, `${staged}/making-way`);
    files.put(`${folder}/.rdt-state`, linkTo(token));
  }
  patch(files, folder, staged);
  for (const path of folders(files, `${staged}/replacing`)) removeFile(files, `${folder}/${path}`);
  const places = files.find(`${staged}/places`);
  if (places?.kind === 'file') await unpackByTar(files, folder, places.bytes);
  moveGroups(files, folder, staged);
  move(files, folder, staged, moves);
  const isOurs = (path: string): boolean => !isBehindLink(files, folder, path);
  for (const path of listed(files, `${staged}/remove`).filter(isOurs)) removeFile(files, `${folder}/${path}`);
  for (const path of listed(files, `${staged}/rmdir`).filter(isOurs))
    removeFolder(files, `${folder}/${path}`, mode);
  files.remove(`${folder}/.rdt-stage`);
  if (token !== '') files.put(`${folder}/.rdt-state`, linkTo(token));
}

function patch(files: FakeFileTree, folder: string, staged: string): void {
  const lines = (files.read(`${staged}/patches`) ?? '').split('\n');
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const [number = '', mode = '', size, mtime, , length, ...runs] = lines[at]?.split(' ') ?? [];
    const base = files.find(`${folder}/${lines[at + 1] ?? ''}`);
    const isSame =
      base?.kind === 'file' && base.bytes.length === Number(size) && base.mtimeMs === Number(mtime) * 1000;
    if (!isSame) throw new StageFailure(OTHER_BASE_STATUS);
    const news = files.find(`${staged}/${number}n`);
    const target = files.find(`${staged}/${number}`);
    if (news?.kind !== 'file' || target?.kind !== 'file') throw new StageFailure(1, `${number} is not there`);
    target.bytes = patched(base.bytes, news.bytes, Number(length), runs);
    target.mode = Number.parseInt(mode, 8);
  }
}

function patched(base: Buffer, news: Buffer, length: number, runs: readonly string[]): Buffer {
  const bytes = Buffer.alloc(length);
  base.copy(bytes);
  let taken = 0;
  for (const run of runs) {
    const [from = 0, count = 0] = run.split(':').map(Number);
    news.copy(bytes, from * PART_BYTES, taken * PART_BYTES, (taken + count) * PART_BYTES);
    taken += count;
  }
  return bytes;
}

function refuseFolders(files: FakeFileTree, folder: string, moves: string): void {
  for (const line of moves.split('\n').filter(Boolean)) {
    const path = line.slice(line.indexOf(' ') + 1);
    if (files.find(`${folder}/${path}`)?.kind === 'directory')
      throw new StageFailure(FOLDER_STATUS, `${path} is a folder`);
  }
}

function refuseOthers(files: FakeFileTree, folder: string, list: string): void {
  const lines = folders(files, list).map((line) => ({
    what: line.slice(0, line.indexOf(' ')),
    path: line.slice(line.indexOf(' ') + 1),
  }));
  const going = new Set(lines.map(({ what, path }) => `${what} ${path}`));
  for (const { what, path } of lines) {
    const node = files.find(`${folder}/${path}`);
    if (node?.kind !== 'directory' || isBehindLink(files, folder, path)) continue;
    if (what === 'target') throw new StageFailure(FOLDER_STATUS, `${path} is a folder`);
    if (what !== 'end') continue;
    for (const [name, { kind }] of node.children) {
      if (going.has(`${kind === 'directory' ? 'folder' : 'file'} ${path}/${name}`)) continue;
      throw new StageFailure(FOLDER_STATUS, `${path}/${name} is in the way`);
    }
  }
}

function moveGroups(files: FakeFileTree, folder: string, staged: string): void {
  for (const line of folders(files, `${staged}/groups`)) {
    const [name = ''] = line.split(' ', 1);
    const group = files.find(`${staged}/${name}`);
    if (group?.kind !== 'directory') throw new StageFailure(1, `${name} is not there`);
    for (const [entry, node] of group.children)
      files.put(`${folder}/${line.slice(name.length + 1)}/${entry}`, node);
  }
}

function move(files: FakeFileTree, folder: string, staged: string, moves: string): void {
  for (const line of moves.split('\n').filter(Boolean)) {
    const [number = ''] = line.split(' ', 1);
    const path = `${folder}/${line.slice(number.length + 1)}`;
    const node = files.find(`${staged}/${number}`);
    if (node === undefined) throw new StageFailure(1, `${number} is not there`);
    files.put(path, node);
  }
}

/** A slash at the end of a line: its path goes on in the next one. */
const folders = (files: FakeFileTree, list: string): string[] =>
  (files.read(list) ?? '')
    .split(/(?<!\/)\n/)
    .filter(Boolean)
    .map((path) => path.replaceAll('/\n', '\n'));

function isBehindLink(files: FakeFileTree, folder: string, path: string): boolean {
  const parts = path.split('/').slice(1, -1);
  return parts.some((_, at) => {
    const parent = `${folder}/${parts.slice(0, at + 1).join('/')}`;
    return files.find(parent)?.kind === 'symlink';
  });
}

/** What the app has made a folder of stays. */
function removeFile(files: FakeFileTree, path: string): void {
  if (files.find(path)?.kind !== 'directory') files.remove(path);
}

const listed = (files: FakeFileTree, list: string): string[] =>
  (files.read(list) ?? '').split('\0').filter(Boolean);

function removeFolder(files: FakeFileTree, path: string, mode: string): void {
  const node = files.find(path);
  if (node?.kind !== 'directory') return;
  if (node.children.size === 0) files.remove(path);
  else if (mode === 'strict') throw new StageFailure(1, `${path} is no empty folder`);
}

const linkTo = (target: string) =>
  ({ kind: 'symlink', target, mode: 0o777, uid: 0, gid: 0, mtimeMs: 0 }) as const;
