import type { EngineInfo } from '../transport/engine.js';
import type { Device, TcpEngine } from './device.js';
import { EventStream } from './event-stream.js';
import { reasonOf } from './knock-reason.js';
import type { EngineInfoReader } from './machine-identity.js';
import type { Browsing, InterfaceReport, MdnsBrowser } from './mdns-browser.js';
import { PROBE_LIMIT_MS } from './probe.js';
import { planProbe } from './probe-plan.js';
import { type SearchDeps, type SearchEvent, search } from './search.js';
import { withTimeLimit } from './time-limit.js';

/** `host`: speaks ssh, is not announced as a device. `unreachable`: announced itself and answered nothing. */
type ScanKind = Device['kind'] | 'host' | 'unreachable';

export interface ScanRow {
  readonly name: string;
  readonly address: string;
  readonly addresses: readonly string[];
  readonly kind: ScanKind;
  readonly sshPort: number | undefined;
  /** Undefined when no engine answers on TCP. */
  readonly enginePort: number | undefined;
  /** Undefined when the engine did not tell. */
  readonly info: EngineInfo | undefined;
  /** Why something is missing that should be there. */
  readonly trouble: string | undefined;
}

export interface ScanDeps extends SearchDeps {
  readonly browser: MdnsBrowser;
  readonly engineInfo: EngineInfoReader;
}

export interface ScanOptions {
  readonly services: 'devices' | 'all';
  readonly limitMs: number;
}

export interface Scan {
  /** One row a machine, when it has told about itself or its time is up. Ends when the time of the scan is up; rejects with the signal's reason when it is aborted. */
  readonly rows: AsyncIterable<ScanRow>;
  interfaces(): readonly InterfaceReport[];
}

/** Looks at every device in the network at once. One that hangs, refuses or resets delays no other. */
export function scan(options: ScanOptions, deps: ScanDeps, signal: AbortSignal): Scan {
  const rows = new EventStream<ScanRow>();
  let browsing: Browsing | undefined;
  const work = withTimeLimit(deps.clock, options.limitMs, signal, async (limited) => {
    browsing = deps.browser.browse({ services: options.services }, limited);
    await fill(
      rows,
      search(browsing, (sighting) => planProbe(sighting), deps, limited),
      deps,
      limited,
    );
    signal.throwIfAborted();
  });
  work.then(
    () => rows.end(),
    (error: unknown) => rows.fail(error),
  );
  return { rows, interfaces: () => browsing?.interfaces() ?? [] };
}

/** A host that was silent may still be found by another address: it is told in the end. */
async function fill(
  rows: EventStream<ScanRow>,
  events: AsyncIterable<SearchEvent>,
  deps: ScanDeps,
  signal: AbortSignal,
): Promise<void> {
  const silent = new Map<number, ScanRow>();
  const asked: Promise<void>[] = [];
  for await (const event of events) {
    silent.delete(event.host);
    if (event.type === 'silent') silent.set(event.host, silentRow(event));
    if (event.type !== 'answered') continue;
    const row = answeredRow(event, deps, signal);
    asked.push(row.then((made) => rows.push(made)).catch((error: unknown) => rows.fail(error)));
  }
  await Promise.all(asked);
  for (const row of silent.values()) rows.push(row);
}

const answeredRow = async (
  event: Extract<SearchEvent, { type: 'answered' }>,
  deps: ScanDeps,
  signal: AbortSignal,
): Promise<ScanRow> =>
  event.device.engine === undefined
    ? rowWithoutEngine(event)
    : rowWithEngine(event.device, event.device.engine, deps, signal);

function silentRow({ sighting, failures }: Extract<SearchEvent, { type: 'silent' }>): ScanRow {
  const { name, addresses, sshPort } = sighting;
  const unknown = { enginePort: undefined, info: undefined };
  return {
    name,
    address: addresses[0] ?? '',
    addresses,
    kind: 'unreachable',
    sshPort,
    ...unknown,
    trouble: reasonOf(failures),
  };
}

function rowWithoutEngine({ device, sighting }: Extract<SearchEvent, { type: 'answered' }>): ScanRow {
  const { name, address, addresses, sshPort } = device;
  const isPlainHost = device.kind === 'production' && !sighting.resinDevice;
  return {
    name,
    address,
    addresses,
    kind: isPlainHost ? 'host' : device.kind,
    sshPort,
    enginePort: undefined,
    info: undefined,
    trouble: device.engineTrouble,
  };
}

async function rowWithEngine(
  device: Device,
  engine: TcpEngine,
  { engineInfo, clock }: ScanDeps,
  signal: AbortSignal,
): Promise<ScanRow> {
  const { name, address, addresses, kind, sshPort } = device;
  const answer = await withTimeLimit(clock, PROBE_LIMIT_MS, signal, (limited) =>
    engineInfo.read(engine, limited),
  );
  const row = { name, address, addresses, kind, sshPort, enginePort: engine.port };
  return answer.type === 'info'
    ? { ...row, info: answer.info, trouble: undefined }
    : { ...row, info: undefined, trouble: `the engine on port ${engine.port} answers no questions` };
}
