import { DEVICE_SSH_PORT, ENGINE_PORTS, HOST_SSH_PORT } from './device.js';
import type { ProbePlan } from './probe.js';
import type { TargetPorts } from './target.js';

const USUAL_SSH_PORTS = [DEVICE_SSH_PORT, HOST_SSH_PORT] as const;

/** Where to knock: the ports the user named, else the announced one, else the usual ones. */
export function planProbe(
  host: {
    readonly name: string;
    readonly addresses: readonly string[];
    readonly sshPort?: number | undefined;
  },
  ports: TargetPorts = { type: 'usual' },
): ProbePlan {
  const announced = host.sshPort === undefined ? USUAL_SSH_PORTS : [host.sshPort];
  const base = {
    name: host.name,
    addresses: host.addresses,
    likelySshPort: host.sshPort ?? DEVICE_SSH_PORT,
  };
  switch (ports.type) {
    case 'usual':
      return { ...base, enginePorts: ENGINE_PORTS, sshPorts: announced };
    case 'either':
      return { ...base, enginePorts: [ports.port], sshPorts: [ports.port] };
    case 'engine':
      return { ...base, enginePorts: ports.port === undefined ? ENGINE_PORTS : [ports.port], sshPorts: [] };
    case 'ssh': {
      const sshPorts = ports.port === undefined ? announced : [ports.port];
      return {
        ...base,
        enginePorts: [],
        sshPorts,
        ...(ports.user === undefined ? {} : { sshUser: ports.user }),
      };
    }
  }
}
