import type { ContainerSpec } from '../../../src/transport/engine.js';
import { FakeEngine } from '../../contract/fake-engine.js';
import { newDirectory } from '../../contract/fake-file-tree.js';

/** All containers have one and the same folder at the place of their volume. */
export class VolumeEngine extends FakeEngine {
  private readonly volume = newDirectory();

  override async createContainer(name: string, spec: ContainerSpec, signal?: AbortSignal): Promise<string> {
    const id = await super.createContainer(name, spec, signal);
    for (const { destination } of this.container(id).describe().mounts)
      this.container(id).files.put(destination, this.volume);
    return id;
  }
}
