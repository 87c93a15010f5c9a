// A registry (Docker Registry HTTP API v2, pull only) that gives one image, under any name, to whoever knows the password;
// under the names of `public/` to everybody.
// node registry.mjs PORT FOLDER USER:PASSWORD      FOLDER: an unpacked `docker save`. Prints `listening`, then a line for each request.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const [port, folder, login] = process.argv.slice(2);
const TYPE = 'application/vnd.docker.';
/** @type {Map<string, Buffer>} */
const blobs = new Map();

/** What a manifest says of a blob. */
function keep(mediaType, bytes) {
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  blobs.set(digest, bytes);
  return { mediaType, size: bytes.length, digest };
}

const [{ Config, Layers }] = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
const read = (name) => readFileSync(join(folder, name));
const manifestType = `${TYPE}distribution.manifest.v2+json`;
const manifest = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: manifestType,
    config: keep(`${TYPE}container.image.v1+json`, read(Config)),
    layers: Layers.map((name) => keep(`${TYPE}image.rootfs.diff.tar.gzip`, gzipSync(read(name)))),
  }),
);
const manifestDigest = keep(manifestType, manifest).digest;

function answerTo({ url, headers }) {
  const isKnown = headers.authorization === `Basic ${Buffer.from(login).toString('base64')}`;
  if (!isKnown && !url.startsWith('/v2/public/')) {
    return { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="team"' }, body: Buffer.from('{}') };
  }
  if (url === '/v2/') return { status: 200, headers: {}, body: Buffer.from('{}') };
  if (/\/manifests\/[^/]+$/.test(url)) {
    const about = { 'Content-Type': manifestType, 'Docker-Content-Digest': manifestDigest };
    return { status: 200, headers: about, body: manifest };
  }
  const blob = blobs.get(/\/blobs\/([^/]+)$/.exec(url)?.[1]);
  if (blob === undefined) return { status: 404, headers: {}, body: Buffer.from('{}') };
  return { status: 200, headers: { 'Content-Type': 'application/octet-stream' }, body: blob };
}

const server = createServer((request, response) => {
  const { status, headers, body } = answerTo(request);
  console.log(`${status} ${request.method} ${request.url}`);
  response.writeHead(status, { ...headers, 'Content-Length': body.length });
  response.end(request.method === 'HEAD' ? undefined : body);
});
server.listen(Number(port), '127.0.0.1', () => console.log('listening'));
