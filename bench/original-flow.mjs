// What the original rdt does for one push, as SYNC.md, section 9 describes it: its calls to the engine, its second ssh login,
// its rsync into the container's merged folder, its restart. Plain JavaScript, so that no compiler is in the measurement;
// kinder than the original, which also loads CoffeeScript and 30 MB of modules.
// usage: node original-flow.mjs <address> <container> <destination> <source> [--restart]
import { spawnSync } from 'node:child_process';
import http from 'node:http';
import ssh2 from 'ssh2';

const [address, container, destination, source, ...flags] = process.argv.slice(2);

function call(method, path) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: address, port: 2375, method, path }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks).toString()));
    });
    request.on('error', reject).end();
  });
}

const json = async (path) => JSON.parse(await call('GET', path));

function sshOutput(command) {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    client.on('error', reject);
    client.on('ready', () =>
      client.exec(command, (error, stream) => {
        if (error) return reject(error);
        let text = '';
        stream.on('data', (chunk) => (text += chunk));
        stream.on('close', () => {
          client.end();
          resolve(text.trim());
        });
      }),
    );
    client.connect({ host: address, port: 22222, username: 'root', password: '', tryKeyboard: true });
  });
}

const { Image } = await json(`/containers/${container}/json`);
await json(`/images/${Image}/json`);
await json(`/containers/${container}/json`);
const { DockerRootDir, Driver } = await json('/info');
await json('/version');
const { Id } = await json(`/containers/${container}/json`);
const mountId = await sshOutput(`cat ${DockerRootDir}/image/${Driver}/layerdb/mounts/${Id}/mount-id`);
await json('/version');
await json(`/containers/${container}/json`);
const folder = `${DockerRootDir}/${Driver}/${mountId}/merged${destination}`;
const { status } = spawnSync(
  'rsync',
  [
    '-az',
    '--rsh=ssh -p 22222 -o LogLevel=ERROR -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ControlMaster=no',
    '--delete',
    `--rsync-path=mkdir -p "${folder}" && nsenter --target $(cat /var/run/docker.pid) --mount rsync`,
    '--exclude=.git',
    '--exclude=node_modules/',
    '.',
    `root@${address}:${folder}`,
  ],
  { cwd: source, stdio: ['ignore', 'ignore', 'inherit'] },
);
if (status !== 0) process.exit(1);
if (flags.includes('--restart')) {
  await call('POST', `/containers/${container}/stop?t=10`);
  await call('POST', `/containers/${container}/start`);
}
