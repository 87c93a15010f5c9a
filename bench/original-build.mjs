// What the original rdt does when a build trigger changed (device-facts, "What it did badly"): it stops and removes the app, then
// sends the whole folder as a plain tar to the classic builder, then creates and starts the container.
// usage: node original-build.mjs <address> <app> <source>
import { spawn } from 'node:child_process';
import http from 'node:http';

const [address, app, source] = process.argv.slice(2);

function call(method, path, body, type) {
  return new Promise((resolve, reject) => {
    const headers = type === undefined ? {} : { 'Content-Type': type };
    const request = http.request({ host: address, port: 2375, method, path, headers }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() }),
      );
    });
    request.on('error', reject);
    if (body === undefined) request.end();
    else if (typeof body === 'string') request.end(body);
    else body.pipe(request);
  });
}

await call('GET', `/images/${app}/json`);
const { text } = await call('GET', `/containers/${app}/json`);
const { HostConfig, Config } = JSON.parse(text);
await call('POST', `/containers/${app}/stop?t=10`);
await call('DELETE', `/containers/${app}`);
const tar = spawn('tar', ['-c', '.'], { cwd: source, stdio: ['ignore', 'pipe', 'inherit'] });
const built = await call('POST', `/build?t=${app}`, tar.stdout, 'application/x-tar');
if (!built.text.includes('Successfully built')) throw new Error(built.text.slice(-2000));
const create = JSON.stringify({ Image: app, Tty: true, Labels: Config.Labels, HostConfig });
await call('POST', `/containers/create?name=${app}`, create, 'application/json');
const started = await call('POST', `/containers/${app}/start`);
if (started.status !== 204) throw new Error(started.text);
