import { damaged } from './damaged.js';
import type { DirectoryEntry } from './directory.js';
import { type Layout, ROOT_CLUSTER } from './layout.js';

/**
 * Walks every file and directory. Throws an `RdtError` when a cluster belongs to two of them, to one twice, or to one and to the free
 * space: on such a volume an edit could free or overwrite what belongs to another file. Clusters that belong to nobody are no harm.
 */
export async function assertConsistent(layout: Layout): Promise<void> {
  const owners = new Uint8Array(layout.fat.lastCluster + 1);
  const pending = [{ path: '', cluster: ROOT_CLUSTER }];
  if (layout.geometry.root.kind === 'chain') claim(owners, layout.directoryChain(ROOT_CLUSTER), '/');
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    const { cluster, path: parent } = directory;
    for (const entry of (await layout.loadDirectory(cluster)).entries()) {
      const path = `${parent}/${entry.name}`;
      claim(owners, chainOf(layout, entry), path);
      if (entry.isDirectory) pending.push({ path, cluster: entry.firstCluster });
    }
  }
}

function chainOf(layout: Layout, entry: DirectoryEntry): number[] {
  if (entry.isDirectory) return layout.directoryChain(entry.firstCluster);
  if (entry.sizeBytes > 0) layout.fileChain(entry);
  return entry.firstCluster === 0 ? [] : layout.fat.chain(entry.firstCluster);
}

function claim(owners: Uint8Array, clusters: readonly number[], path: string): void {
  for (const cluster of clusters) {
    if (owners[cluster] === 1) throw damaged(`${path} shares its clusters with another file`);
    owners[cluster] = 1;
  }
}
