import type { ExecOptions } from '../engine.js';
import { isOlderApi } from './api-version.js';

const ENV_SINCE = '1.25';
const WORKING_DIR_SINCE = '1.35';

/** The body of `POST /containers/{id}/exec`. What an old engine does not know, and would silently ignore, is done by a shell in the container. */
export const execRequest = (options: ExecOptions, apiVersion: string | undefined): object => {
  const { argv, env = [], user = '', workingDir } = options;
  const lacksEnv = apiVersion !== undefined && isOlderApi(apiVersion, ENV_SINCE);
  const lacksWorkingDir = apiVersion !== undefined && isOlderApi(apiVersion, WORKING_DIR_SINCE);
  const withEnv = lacksEnv && env.length > 0 ? ['env', ...env, ...argv] : argv;
  const inFolder =
    lacksWorkingDir && workingDir !== undefined
      ? ['sh', '-c', 'cd "$0" && exec "$@"', workingDir, ...withEnv]
      : withEnv;
  return {
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: options.terminal !== undefined,
    Cmd: inFolder,
    Env: lacksEnv ? [] : env,
    User: user,
    ...(workingDir === undefined || lacksWorkingDir ? {} : { WorkingDir: workingDir }),
  };
};
