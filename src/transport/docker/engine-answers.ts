import type {
  Container,
  ContainerNetwork,
  ContainerRestart,
  ContainerState,
  ContainerSummary,
  EngineInfo,
  Image,
  ImageDetails,
  Mount,
  PathStat,
  Volume,
} from '../engine.js';
import { AnswerFields } from './answer-fields.js';

/** `GET /info` */
export const toEngineInfo = (answer: AnswerFields): EngineInfo => ({
  id: answer.text('ID'),
  version: answer.text('ServerVersion'),
  architecture: answer.text('Architecture'),
  hostname: answer.text('Name'),
  runningContainers: answer.number('ContainersRunning'),
  operatingSystem: answer.text('OperatingSystem'),
});

/** An item of `GET /containers/json`. */
export const toContainerSummary = (answer: AnswerFields): ContainerSummary => ({
  id: answer.text('Id'),
  name: ownName(answer.texts('Names')),
  image: answer.text('Image'),
  state: answer.text('State'),
  status: answer.text('Status'),
  publishedPorts: publishedPorts(answer.list('Ports')),
  labels: answer.map('Labels'),
});

/** Those that an image exposes are listed as well, without a port of the device. */
const publishedPorts = (ports: readonly AnswerFields[]): number[] => [
  ...new Set(ports.map((port) => port.number('PublicPort')).filter((port) => port !== 0)),
];

/** A linked container also lists the names that others call it by: `/other/alias`. */
const ownName = (names: readonly string[]): string =>
  (names.find((name) => name.lastIndexOf('/') === 0) ?? names[0] ?? '').replace(/^\//, '');

/** `GET /containers/{id}/json` */
export const toContainer = (answer: AnswerFields): Container => {
  const config = answer.fields('Config');
  const mounts = answer.list('Mounts').map(toMount);
  return {
    id: answer.text('Id'),
    name: answer.text('Name').replace(/^\//, ''),
    imageId: answer.text('Image'),
    createdAt: answer.text('Created'),
    labels: config.map('Labels'),
    state: toState(answer),
    stopSignal: stopSignalOf(config),
    user: config.text('User'),
    workingDir: config.text('WorkingDir'),
    env: config.texts('Env'),
    tty: config.flag('Tty'),
    readonlyRootfs: answer.fields('HostConfig').flag('ReadonlyRootfs'),
    network: toNetwork(answer),
    restartPolicy: toRestartPolicy(answer.fields('HostConfig').fields('RestartPolicy')),
    mounts: mounts.filter((mount) => mount.type !== 'tmpfs'),
    tmpfs: [
      ...answer.fields('HostConfig').keys('Tmpfs'),
      ...mounts.filter((mount) => mount.type === 'tmpfs').map((mount) => mount.destination),
    ],
  };
};

/** Engines of before 1.20 tell no name where there is no policy. */
const toRestartPolicy = (policy: AnswerFields): ContainerRestart => ({
  name: policy.text('Name') || 'no',
  maximumRetries: policy.number('MaximumRetryCount'),
});

const stopSignalOf = (config: AnswerFields): string => config.text('StopSignal') || 'SIGTERM';

/** Engines before 1.9 tell no networks, only the one address. */
const toNetwork = (answer: AnswerFields): ContainerNetwork => {
  if (answer.fields('HostConfig').text('NetworkMode') === 'host') return { kind: 'host' };
  const settings = answer.fields('NetworkSettings');
  const networks = settings.fields('Networks');
  const all = settings.keys('Networks').map((name) => networks.fields(name).text('IPAddress'));
  return { kind: 'own', addresses: [...all, settings.text('IPAddress')].filter((address) => address !== '') };
};

const toState = (answer: AnswerFields): ContainerState => {
  const state = answer.fields('State');
  return {
    status: state.text('Status'),
    running: state.flag('Running'),
    restarting: state.flag('Restarting'),
    paused: state.flag('Paused'),
    exitCode: state.number('ExitCode'),
    pid: state.number('Pid'),
    error: state.text('Error'),
    startedAt: state.text('StartedAt'),
    finishedAt: timeOrNone(state.text('FinishedAt')),
    restartCount: answer.number('RestartCount'),
  };
};

/** Go's zero time says that it never happened. */
const timeOrNone = (time: string): string | undefined =>
  time === '' || time.startsWith('0001-') ? undefined : time;

/** Engines before 1.13 tell no type: what has a name is a volume. */
const toMount = (answer: AnswerFields): Mount => ({
  destination: answer.text('Destination'),
  source: answer.text('Source'),
  type: answer.text('Type') || (answer.text('Name') === '' ? 'bind' : 'volume'),
  writable: answer.flag('RW'),
  volumeName: answer.text('Name') || undefined,
});

/**
 * `GET /containers/{id}/top?ps_args=-eo pid,caught,blocked,wchan:32`: the row of one process. An init such as tini has no handler and
 * waits for signals that it blocks; while it does, the kernel calls them neither caught nor blocked (kernel/signal.c, `do_sigtimedwait`).
 * One that blocks a signal waits for it otherwise, when it is asleep; one that is busy may just start a program, for which musl blocks all of
 * them (src/process/fork.c).
 */
export function toListening(answer: AnswerFields, pid: number, signalNumber: number): boolean | undefined {
  const row = answer.rows('Processes').find(([first]) => first === String(pid));
  const [, caught, blocked, place = '-'] = row ?? [];
  const [handles, blocks] = [caught, blocked].map((mask) => inMask(mask, signalNumber));
  if (handles === true) return true;
  const isAsleep = /^[a-z_]/.test(place);
  if (handles === undefined || blocks === undefined || !isAsleep) return undefined;
  return blocks || place.includes('sigtimedwait');
}

/** Bit n-1 of a hexadecimal mask is signal n. */
const inMask = (mask: string | undefined, signalNumber: number): boolean | undefined =>
  mask === undefined || !/^[0-9a-f]{1,16}$/i.test(mask)
    ? undefined
    : ((BigInt(`0x${mask}`) >> BigInt(signalNumber - 1)) & 1n) === 1n;

const UNTAGGED = '<none>:<none>';

/** `GET /images/{name}/json` */
export const toImage = (answer: AnswerFields): Image => ({
  id: answer.text('Id'),
  tags: answer.texts('RepoTags').filter((tag) => tag !== UNTAGGED),
  labels: answer.fields('Config').map('Labels'),
});

/** `GET /images/{name}/json` */
export const toImageDetails = (answer: AnswerFields): ImageDetails => {
  const config = answer.fields('Config');
  return {
    ...toImage(answer),
    entrypoint: config.texts('Entrypoint'),
    command: config.texts('Cmd'),
    stopSignal: stopSignalOf(config),
    volumes: config.keys('Volumes'),
  };
};

/** The `X-Docker-Container-Path-Stat` header: JSON in base64. */
export const toPathStat = (header: string): PathStat => {
  const answer = AnswerFields.parse(Buffer.from(header, 'base64').toString('utf8'));
  return {
    name: answer.text('name'),
    sizeBytes: answer.number('size'),
    goMode: answer.number('mode'),
    linkTarget: answer.text('linkTarget'),
  };
};

export const toVolume = (answer: AnswerFields): Volume => ({
  name: answer.text('Name'),
  labels: answer.map('Labels'),
});
