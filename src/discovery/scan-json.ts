import type { ScanRow } from './scan.js';

/** One element of what `rdt scan --json` prints: a stable interface. Unknown is null. */
export interface ScanJson {
  readonly name: string;
  readonly address: string;
  readonly addresses: readonly string[];
  readonly kind: ScanRow['kind'];
  readonly sshPort: number | null;
  readonly engine: {
    readonly port: number;
    readonly version: string | null;
    readonly architecture: string | null;
    readonly operatingSystem: string | null;
    readonly runningContainers: number | null;
  } | null;
  readonly trouble: string | null;
}

export const toScanJson = (row: ScanRow): ScanJson => ({
  name: row.name,
  address: row.address,
  addresses: row.addresses,
  kind: row.kind,
  sshPort: row.sshPort ?? null,
  engine:
    row.enginePort === undefined
      ? null
      : {
          port: row.enginePort,
          version: row.info?.version ?? null,
          architecture: row.info?.architecture ?? null,
          operatingSystem: row.info?.operatingSystem ?? null,
          runningContainers: row.info?.runningContainers ?? null,
        },
  trouble: row.trouble ?? null,
});
