import Pbf from 'pbf';

/**
 * `moby.buildkit.v1.StatusResponse` (buildkit `api/services/control/control.proto`), as the engine sends it in base64
 * with the id `moby.buildkit.trace`. Fields that rdt does not show are skipped.
 */
export interface BuildkitStatus {
  readonly vertexes: readonly Vertex[];
  readonly statuses: readonly VertexStatus[];
  readonly logs: readonly VertexLog[];
  readonly warnings: readonly string[];
}

/** A step in one of its states; it comes again with every change. */
export interface Vertex {
  digest: string;
  name: string;
  cached: boolean;
  started: boolean;
  completed: boolean;
  /** '' when there is none. */
  error: string;
}

/** Something with a size inside a step, such as a layer. */
interface VertexStatus {
  id: string;
  vertex: string;
  current: number;
  total: number;
}

interface VertexLog {
  vertex: string;
  /** 1 stdout, 2 stderr. */
  stream: number;
  bytes: Uint8Array;
}

/** @throws when the text is no such message. */
export function decodeBuildkitTrace(base64: string): BuildkitStatus {
  const status = { vertexes: [], statuses: [], logs: [], warnings: [] };
  return new Pbf(Buffer.from(base64, 'base64')).readFields(readStatusField, status);
}

interface OpenStatus {
  vertexes: Vertex[];
  statuses: VertexStatus[];
  logs: VertexLog[];
  warnings: string[];
}

function readStatusField(tag: number, status: OpenStatus, pbf: Pbf): void {
  if (tag === 1) status.vertexes.push(pbf.readMessage(readVertexField, emptyVertex()));
  else if (tag === 2) status.statuses.push(pbf.readMessage(readItemField, emptyItem()));
  else if (tag === 3) status.logs.push(pbf.readMessage(readLogField, emptyLog()));
  else if (tag === 4) status.warnings.push(pbf.readMessage(readWarningField, { text: '' }).text);
}

const emptyVertex = (): Vertex => ({
  digest: '',
  name: '',
  cached: false,
  started: false,
  completed: false,
  error: '',
});
const emptyItem = (): VertexStatus => ({ id: '', vertex: '', current: 0, total: 0 });
const emptyLog = (): VertexLog => ({ vertex: '', stream: 1, bytes: new Uint8Array() });

function readVertexField(tag: number, vertex: Vertex, pbf: Pbf): void {
  if (tag === 1) vertex.digest = pbf.readString();
  else if (tag === 3) vertex.name = pbf.readString();
  else if (tag === 4) vertex.cached = pbf.readBoolean();
  // Times are messages; that they are there says enough, and the reader skips what is not read.
  else if (tag === 5) vertex.started = true;
  else if (tag === 6) vertex.completed = true;
  else if (tag === 7) vertex.error = pbf.readString();
}

function readItemField(tag: number, item: VertexStatus, pbf: Pbf): void {
  if (tag === 1) item.id = pbf.readString();
  else if (tag === 2) item.vertex = pbf.readString();
  else if (tag === 4) item.current = pbf.readVarint(true);
  else if (tag === 5) item.total = pbf.readVarint(true);
}

function readLogField(tag: number, log: VertexLog, pbf: Pbf): void {
  if (tag === 1) log.vertex = pbf.readString();
  else if (tag === 3) log.stream = pbf.readVarint();
  else if (tag === 4) log.bytes = pbf.readBytes();
}

function readWarningField(tag: number, warning: { text: string }, pbf: Pbf): void {
  if (tag === 3) warning.text = Buffer.from(pbf.readBytes()).toString();
}
