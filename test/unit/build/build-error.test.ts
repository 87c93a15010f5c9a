import { describe, expect, it } from 'vitest';
import { BuildError } from '../../../src/build/build-error.js';
import { externalImages, fullReference, parseDockerfile } from '../../../src/build/dockerfile.js';
import type { BuildFailure } from '../../../src/build/image-builder.js';
import { ExitCode } from '../../../src/errors.js';

const DOCKERFILE = `# syntax-free comment
ARG BASE=busybox
FROM \${BASE}:1 AS Base
WORKDIR /app

COPY package.json .
RUN echo before; \\
  # a comment in between
    npm ci
RUN true
FROM registry.example:5000/team/tool AS tool
RUN true
FROM base
ENV NAME=x
COPY --from=tool /bin/\${NAME} /bin/
RUN <<EOF
false
EOF
CMD ["x"]
`;

async function errorOf(
  builder: BuildFailure['builder'],
  stepName: string | undefined,
  change: Partial<BuildFailure> = {},
): Promise<BuildError> {
  const step =
    stepName === undefined ? undefined : { number: 1, name: stepName, kind: 'instruction' as const };
  const failure = { builder, step, message: 'it broke', runExitCode: undefined, output: [], ...change };
  return BuildError.of(failure, await parseDockerfile(DOCKERFILE, {}), 'Dockerfile');
}

describe('a build error', () => {
  it.each([
    ['classic', '[1/13] ARG BASE=busybox', 2],
    ['classic', '[2/13] FROM ${BASE}:1 AS Base', 3],
    ['classic', '[5/13] RUN echo before;     npm ci', 7],
    ['classic', '[11/13] COPY --from=tool /bin/${NAME} /bin/', 15],
    ['buildkit', '[base 1/5] FROM docker.io/library/busybox:1', 3],
    ['buildkit', '[base 2/5] WORKDIR /app', 4],
    ['buildkit', '[base 4/5] RUN echo before;     npm ci', 7],
    ['buildkit', '[base 5/5] RUN true', 10],
    ['buildkit', '[tool 2/2] RUN true', 12],
    ['buildkit', '[stage-2 1/2] COPY --from=tool /bin/x /bin/', 15],
    ['buildkit', '[stage-2 2/2] RUN <<EOF (false)', 16],
    ['buildkit', '[internal] load metadata for registry.example:5000/team/tool:latest', 11],
    ['buildkit', '[internal] load metadata for docker.io/library/busybox:1', 3],
  ] as const)('of the %s builder finds %s in line %d', async (builder, name, line) => {
    const error = await errorOf(builder, name);
    expect(error.instruction?.line).toBe(line);
    expect(error.message).toMatch(new RegExp(`^Dockerfile:${line}: `));
    expect(error.exitCode).toBe(ExitCode.buildFailed);
  });

  it.each([
    ['buildkit', '[base 3/5] RUN echo from a trigger of the base image'],
    ['buildkit', 'exporting to image'],
    ['classic', '[14/14] LABEL rdt=1'],
  ] as const)('of the %s builder gives no line for %s, which is not in the file', async (builder, name) => {
    const error = await errorOf(builder, name);
    expect(error.instruction).toBeUndefined();
    expect(error.message).toMatch(/^Dockerfile: /);
  });

  it('shows the instruction on one line, and the exit code', async () => {
    const error = await errorOf('classic', '[5/13] RUN echo before;     npm ci', {
      runExitCode: 7,
      output: ['x'],
    });
    expect(error.message).toBe('Dockerfile:7: RUN echo before; npm ci failed with exit code 7');
    expect(error.hint).toBe('Its output is above.');
  });

  it('takes the line of what does not parse from the words of the engine', async () => {
    const message = 'dockerfile parse error line 9: unknown instruction: NPM';
    const error = await errorOf('buildkit', undefined, { message });
    expect(error.instruction?.line).toBe(7);
    expect(error.hint).toContain(message);
  });

  it('says what to do about a full disk', async () => {
    const message = 'write /var/lib/docker/overlay2/x/diff/blob: no space left on device';
    const { hint } = await errorOf('buildkit', '[internal] load build context', { message });
    expect(hint).toMatch(
      /^The device says: .*no space left on device\nThe disk of the device is probably full\./,
    );
  });

  it('says plainly that a base image can not be had', async () => {
    const message = 'dial tcp: network is unreachable\u001b[2J';
    const error = await errorOf('buildkit', '[internal] load metadata for docker.io/library/busybox:1', {
      message,
    });
    expect(error.message).toBe(
      'Dockerfile:3: the base image busybox:1 is not on the device, and the device could not pull it',
    );
    expect(error.hint).toContain('network is unreachable [2J\n');
  });
});

describe('the base images of a Dockerfile', () => {
  it('are those that are no stage of it', async () => {
    expect(externalImages(await parseDockerfile(DOCKERFILE, {}))).toEqual([
      'busybox:1',
      'registry.example:5000/team/tool',
    ]);
  });

  it('depend on the build arguments', async () => {
    const text = 'ARG A\nARG B=b\nFROM ${A:-x}/${B}\nFROM $A-$B\nFROM scratch\n';
    expect(externalImages(await parseDockerfile(text, {}))).toEqual(['x/b', '-b']);
    expect(externalImages(await parseDockerfile(text, { A: 'a' }))).toEqual(['a/b', 'a-b']);
  });

  it.each([
    ['busybox', 'docker.io/library/busybox:latest'],
    ['busybox:1', 'docker.io/library/busybox:1'],
    ['team/tool', 'docker.io/team/tool:latest'],
    ['localhost/tool', 'localhost/tool:latest'],
    ['host:5000/tool', 'host:5000/tool:latest'],
    ['host.example/a/b@sha256:0', 'host.example/a/b@sha256:0'],
  ])('%s is short for %s', (short, full) => {
    expect(fullReference(short)).toBe(full);
  });
});
