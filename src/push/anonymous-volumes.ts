import { isAnonymous } from '../sync/mounts.js';
import type { Container, Engine } from '../transport/engine.js';
import { containerNamed } from './container-named.js';
import { nextName, previousName } from './labels.js';
import type { EmitPushEvent } from './push-event.js';

/**
 * Before a container goes that has been the app, without its volumes: what it keeps in an anonymous one that no other container of the app has
 * would be found by nobody any more.
 */
export async function tellOfUnusedVolumes(
  { engine, emit }: { readonly engine: Engine; readonly emit: EmitPushEvent },
  app: string,
  { id, mounts }: Container,
  signal: AbortSignal,
): Promise<void> {
  const anonymous = mounts.filter(isAnonymous);
  if (anonymous.length === 0) return;
  const names = [app, nextName(app), previousName(app)];
  const found = await Promise.all(names.map((name) => containerNamed(engine, name, signal)));
  const others = found.flatMap((other) => (other === undefined || other.id === id ? [] : other.mounts));
  const used = new Set(others.map(({ volumeName }) => volumeName));
  for (const { volumeName, destination } of anonymous) {
    if (volumeName === undefined || used.has(volumeName)) continue;
    const message = `${app} does not use the volume any more that a container of it had at ${destination}; what it holds is kept, until \`docker volume rm ${volumeName}\` on the device removes it`;
    emit({ type: 'warning', message });
  }
}
