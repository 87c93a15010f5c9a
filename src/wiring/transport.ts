import { join } from 'node:path';
import type { Device, TcpEngine } from '../discovery/device.js';
import { isInteractive, type Runtime } from '../runtime.js';
import { stateDirectory } from '../state-directory.js';
import { EngineHttp } from '../transport/docker/engine-http.js';
import { HttpEngine } from '../transport/docker/http-engine.js';
import { TcpDialer } from '../transport/docker/tcp-dialer.js';
import type { KnownHostsFile } from '../transport/known-hosts-file.js';
import type { SshHost } from '../transport/known-hosts.js';
import { openEngine, sshHostOf } from '../transport/open-engine.js';
import type { SshAttempt } from '../transport/ssh-attempt.js';
import type { SshConnection } from '../transport/ssh/ssh-connection.js';

const DEVICE_USER = 'root';
const WINDOWS_AGENT = '\\\\.\\pipe\\openssh-ssh-agent';

export interface TransportOptions {
  /** Private key files, as typed; empty for the agent and the usual ones. */
  readonly identity: readonly string[];
  /** Hears what is tried to log in. */
  readonly onAttempt?: (attempt: SshAttempt) => void;
}

/** The engine of a device, over TCP or ssh; see `openEngine`. The caller disposes of it. */
export const openDeviceEngine = (
  device: Device,
  runtime: Runtime,
  options: TransportOptions,
  signal: AbortSignal = runtime.signal,
): Promise<HttpEngine> =>
  openEngine(
    device,
    {
      overTcp: (engine) => Promise.resolve(engineOverTcp(engine)),
      overSsh: async () => engineOverSsh(await openDeviceSsh(device, runtime, options, signal)),
    },
    signal,
  );

export const engineOverTcp = ({ host, port, apiVersion }: TcpEngine): HttpEngine =>
  new HttpEngine(new EngineHttp(new TcpDialer(host, port), apiVersion));

/** Owns the connection from here on, and disposes of it. */
export const engineOverSsh = async (connection: SshConnection): Promise<HttpEngine> => {
  const { SshEngineDialer } = await import('../transport/ssh/ssh-engine-dialer.js');
  return new HttpEngine(new EngineHttp(new SshEngineDialer(connection)));
};

/** An ssh connection to a device, logged in as the user that was typed, or root; see `openSsh`. The caller disposes of it. */
export const openDeviceSsh = async (
  device: Device,
  runtime: Runtime,
  options: TransportOptions,
  signal: AbortSignal = runtime.signal,
): Promise<SshConnection> =>
  connectSsh(sshHostOf(device), device.sshUser ?? DEVICE_USER, runtime, options, signal);

/** The file of known host keys, for `rdt known-hosts`. */
export const knownHostsFile = async (runtime: Runtime): Promise<KnownHostsFile> => {
  const { KnownHostsFile } = await import('../transport/known-hosts-file.js');
  return new KnownHostsFile(join(stateDirectory(runtime), 'known_hosts'));
};

/** ssh2 takes 34 ms to load, which only those pay who need it. */
const connectSsh = async (
  host: SshHost,
  user: string,
  runtime: Runtime,
  { identity, onAttempt }: TransportOptions,
  signal: AbortSignal,
): Promise<SshConnection> => {
  const [{ openSsh }, { describeHostKeyEvent }] = await Promise.all([
    import('../transport/ssh/open-ssh.js'),
    import('../transport/host-key-event.js'),
  ]);
  const { env, platform, stderr } = runtime;
  const options = {
    user,
    keys: {
      identity,
      home: env['HOME'] ?? env['USERPROFILE'],
      agentSocket: env['SSH_AUTH_SOCK'] ?? (platform === 'win32' ? WINDOWS_AGENT : undefined),
      askPassphrase: isInteractive(runtime) ? askPassphrase(runtime) : undefined,
    },
    knownHosts: await knownHostsFile(runtime),
    onHostKey: (event: Parameters<typeof describeHostKeyEvent>[0]) =>
      void stderr.write(`${describeHostKeyEvent(event)}\n`),
    ...(onAttempt !== undefined && { onAttempt }),
  };
  return openSsh(host, options, signal);
};

const askPassphrase =
  (runtime: Runtime) =>
  async (file: string, isAgain: boolean): Promise<string> => {
    const { askForPassphrase } = await import('../ui/ask-passphrase.js');
    return askForPassphrase(runtime, file, isAgain);
  };
