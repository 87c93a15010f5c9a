import { createHash } from 'node:crypto';
import type { PortMapping } from '../project/ports.js';
import type { RestartPolicy } from '../project/restart.js';
import type { PushSettings } from '../project/settings.js';
import type { Container, ContainerSpec } from '../transport/engine.js';
import { labelsOf, SPEC_LABEL } from './labels.js';
import { ownRestartLabel } from './restart-aside.js';
import { SUPERVISOR_LABEL, supervisorLabel } from './process-supervisor.js';

/** The container that the settings describe. */
export function containerSpec(settings: PushSettings): ContainerSpec {
  const spec = specWithoutFingerprint(settings);
  const { Name: name, MaximumRetryCount: maximumRetries = 0 } = restartPolicy(settings.restartPolicy);
  const Labels = {
    ...spec.Labels,
    ...ownRestartLabel({ name, maximumRetries }),
    [SPEC_LABEL]: fingerprint(spec),
  };
  return { ...spec, Labels };
}

/** True when the container was created by other settings than these. */
export function hasOtherSettings(container: Container, settings: PushSettings): boolean {
  return container.labels[SPEC_LABEL] !== fingerprint(specWithoutFingerprint(settings));
}

/** What is different about a container that has other settings, for a sentence that begins with its name. */
export function describeOtherSettings({ labels }: Container, settings: PushSettings): string {
  const wanted = specWithoutFingerprint(settings).Labels[SUPERVISOR_LABEL];
  const given = labels[SUPERVISOR_LABEL];
  if (given === wanted) return 'was made with other settings';
  if (given === undefined) return 'runs its app without the supervisor that restart: process needs';
  if (wanted === undefined) return 'runs its app under the supervisor of restart: process';
  return 'has a supervisor of another version, or with another stop-grace';
}

const fingerprint = (spec: ContainerSpec): string =>
  createHash('sha256').update(JSON.stringify(spec)).digest('hex');

function specWithoutFingerprint(settings: PushSettings): ContainerSpec {
  const { ports, command } = settings;
  return {
    Image: settings.appName,
    ...(command === undefined ? {} : { Cmd: command }),
    Env: settings.environment.map(({ name, value }) => `${name}=${value}`),
    Labels: {
      ...labelsOf(settings.appName),
      // The supervisor is told the grace when the container is created.
      ...(settings.afterSync.kind === 'process' ? supervisorLabel(settings.stopGraceMs) : {}),
    },
    Tty: settings.tty,
    ...(ports.length === 0
      ? {}
      : { ExposedPorts: Object.fromEntries(ports.map((port) => [portKey(port), {}])) }),
    HostConfig: {
      Privileged: settings.privileged,
      NetworkMode: settings.network,
      RestartPolicy: restartPolicy(settings.restartPolicy),
      Binds: settings.volumes.map(({ source, target, options }) =>
        [source, target, options.join(',')].filter(Boolean).join(':'),
      ),
      Devices: settings.devices.map(({ hostPath, containerPath, permissions }) => ({
        PathOnHost: hostPath,
        PathInContainer: containerPath,
        CgroupPermissions: permissions,
      })),
      ...(ports.length === 0 ? {} : { PortBindings: portBindings(ports) }),
    },
  };
}

const portKey = ({ containerPort, protocol }: PortMapping): string => `${containerPort}/${protocol}`;

function portBindings(
  ports: readonly PortMapping[],
): Record<string, { HostIp?: string; HostPort: string }[]> {
  const bindings: Record<string, { HostIp?: string; HostPort: string }[]> = {};
  for (const port of ports) {
    const binding = { HostPort: port.hostPort === undefined ? '' : String(port.hostPort) };
    (bindings[portKey(port)] ??= []).push(
      port.hostIp === undefined ? binding : { ...binding, HostIp: port.hostIp },
    );
  }
  return bindings;
}

function restartPolicy(policy: RestartPolicy): { Name: string; MaximumRetryCount?: number } {
  if (policy.kind !== 'on-failure' || policy.maximumRetries === undefined) return { Name: policy.kind };
  return { Name: policy.kind, MaximumRetryCount: policy.maximumRetries };
}
