import type { Container, Engine } from '../transport/engine.js';

const USUAL_SHELLS = ['bash', 'ash', 'sh'];

export interface FoundShell {
  readonly tried: readonly string[];
  /** Undefined when none of them can be started. */
  readonly found: string | undefined;
}

/**
 * The best shell of a running container: what its image names in `$SHELL`, else the usual ones. Each is really started, all at
 * once: a file of that name may be a dangling link, `nologin`, or of another architecture.
 */
export async function findShell(
  engine: Engine,
  { id, env }: Pick<Container, 'id' | 'env'>,
  signal: AbortSignal,
): Promise<FoundShell> {
  const own = env.find((entry) => entry.startsWith('SHELL='))?.slice('SHELL='.length) ?? '';
  const tried = [...new Set([own, ...USUAL_SHELLS])].filter((name) => name !== '');
  const works = await Promise.all(tried.map((shell) => canStart(engine, id, shell, signal)));
  return { tried, found: tried.find((_, index) => works[index]) };
}

async function canStart(engine: Engine, id: string, shell: string, signal: AbortSignal): Promise<boolean> {
  const session = await engine.exec(id, { argv: [shell, '-c', 'exit 0'] }, signal);
  session.stdin.end();
  session.stdout.resume();
  session.stderr.resume();
  return (await session.exitCode) === 0;
}
