import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../testbed/eventually.js';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { CuttingProxy } from './cutting-proxy.js';
import { HELLO, LOOP, PushedApp } from './pushed-app.js';

let device: VirtualDevice;
let app: PushedApp;

beforeAll(async () => {
  device = await VirtualDevice.up({ name: 'push-recovery', announce: false, images: ['busybox'] });
  app = new PushedApp(device, 'recovery', { ...HELLO, 'greeting.txt': 'hello', 'old.txt': '' });
  await app.push();
});
afterAll(async () => {
  app[Symbol.dispose]();
  await device.down();
});

describe('a container that was', () => {
  it('stopped is started again', async () => {
    const { id } = await app.state();
    await app.docker('stop', '-t', '1', 'recovery');
    await app.push();
    expect(await app.state()).toMatchObject({ id, running: true });
  });

  it('stopped gets the edits, and is started with them', async () => {
    const { id } = await app.state();
    await app.docker('stop', '-t', '1', 'recovery');
    app.write('greeting.txt', 'while you slept');
    await app.push();
    expect(await app.state()).toMatchObject({ id, running: true });
    await app.expectInStep();
  });

  it('stopped, when files are to be deleted, is in step and running afterwards, with what the app has made in it', async () => {
    const { id } = await app.state();
    await app.exec('touch', '/made-by-the-app');
    await app.docker('stop', '-t', '1', 'recovery');
    app.remove('old.txt');
    await app.push();
    expect(await app.state()).toMatchObject({ id, running: true });
    await app.exec('ls', '/made-by-the-app');
    await app.expectInStep();
    expect(await app.leftovers()).toEqual([]);
  });

  it('paused goes on, with the edits', async () => {
    await app.docker('pause', 'recovery');
    app.write('greeting.txt', 'wake up');
    await app.push();
    expect(await app.inspect('{{.State.Status}}')).toBe('running');
    await app.expectInStep();
  });

  it('paused, when files were deleted, is built again and says why', async () => {
    app.write('deleted.txt', '');
    await app.push();
    await app.docker('pause', 'recovery');
    app.remove('deleted.txt');
    const { stderr } = await app.push();
    expect(stderr).toContain(
      'building recovery: files were deleted, and a paused container cannot delete them\n',
    );
    expect(await app.inspect('{{.State.Status}}')).toBe('running');
    await app.expectInStep();
  });

  it('crashes again and again gets each edit and deletion, without a build', async () => {
    using looping = new PushedApp(device, 'looping', {
      ...HELLO,
      'main.sh': `[ ! -e crash ] || { sleep 0.6; exit 7; }\n${LOOP}`,
      'file-0': '',
    });
    await looping.push();
    const { id } = await looping.state();
    looping.write('crash', '');
    await looping.push();
    for (let round = 0; round < 10; round++) {
      looping.remove(`file-${round}`);
      looping.write(`file-${round + 1}`, `${round}`);
      await looping.push();
    }
    looping.remove('crash');
    await looping.push();
    expect(await looping.state()).toMatchObject({ id, running: true });
    await looping.expectInStep();
  });

  it('removed is made again', async () => {
    await app.docker('rm', '--force', 'recovery');
    const { stderr } = await app.push();
    expect(stderr).toContain('building recovery: the device has no container recovery\n');
    expect((await app.state()).running).toBe(true);
    await app.expectInStep();
  });

  it('removed with its image is made again', async () => {
    await app.docker('rm', '--force', 'recovery');
    await app.docker('rmi', '--force', 'recovery');
    expect((await app.push()).stderr).toContain('the device has no image recovery; ');
    await app.expectInStep();
  });

  it('removed in the middle of a push is made again by that push', async () => {
    using taken = new PushedApp(device, 'taken', {
      ...HELLO,
      '.resin-sync.yml':
        'local_resinos:\n  on-change:\n    - paths: data.txt\n      run: echo is asked; sleep 60\n',
      'data.txt': '1',
    });
    await taken.push();
    taken.write('data.txt', '2');
    const push = taken.startPush();
    await push.until(/is asked/);
    await taken.docker('rm', '--force', 'taken');
    const { exitCode, stderr } = await push.ended();
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain('building taken: the device has no container taken\n');
    expect((await taken.state()).running).toBe(true);
    await taken.expectInStep();
    expect(await taken.leftovers()).toEqual([]);
  });

  it('put back to what its image holds is brought in step again', async () => {
    app.write('greeting.txt', 'newer than the image');
    await app.push();
    await app.docker('exec', 'recovery', 'rm', '-rf', '.rdt-state', 'greeting.txt');
    await app.push();
    await app.expectInStep();
  });
});

describe('a device that', () => {
  it('rebooted between two pushes gets the edit only', async () => {
    const { id } = await app.state();
    await device.reboot();
    app.write('greeting.txt', 'after the reboot');
    const { stderr } = await app.push();
    expect(stderr).toContain('sent 1 file');
    expect(await app.state()).toMatchObject({ id, running: true });
    await app.expectInStep();
  });

  it('lost its power between two pushes gets the edit too', async () => {
    await device.reboot({ powerCut: true });
    app.write('greeting.txt', 'after the power cut');
    await app.push();
    expect((await app.state()).running).toBe(true);
    await app.expectInStep();
  });

  it('has no engine fails fast, and gets all that was changed meanwhile when it has', async () => {
    await device.killEngine();
    app.write('greeting.txt', 'one');
    const { exitCode, stderr, durationMs } = await app.tryPush();
    expect(exitCode, stderr).toBe(4);
    expect(durationMs).toBeLessThan(8000);
    app.write('another.txt', 'two');
    app.remove('greeting.txt');
    await device.startEngine();
    await app.push();
    await app.expectInStep();
  });

  it('was flashed anew gets the whole app again', async () => {
    await device.reflash();
    await app.push();
    expect((await app.state()).running).toBe(true);
    await app.expectInStep();
  });
});

describe('a push that was cut off', () => {
  it('when its files had arrived leaves none that has gone from the folder meanwhile', async () => {
    await using proxy = await CuttingProxy.open(device.address, device.enginePort);
    app.write('arrived/new.txt', 'new');
    proxy.loseAnswers((request) => /^PUT \S*\/archive\?/.test(request));
    const cut = app.rdt.start(
      ['push', `tcp://127.0.0.1:${proxy.port}`, '--app-name', 'recovery', '--skip-logs'],
      { cwd: app.folder },
    );
    await eventually(async () => (await app.deployedTree()).has('arrived/new.txt'), {
      what: 'the file in the container',
      withinMs: 10_000,
    });
    proxy.cut();
    expect((await cut.ended()).exitCode).toBe(4);
    await app.forgetLock();
    app.remove('arrived');
    await app.push();
    await app.expectInStep();
  });
});

describe('a device whose containers are pruned', () => {
  it('while the new one proves itself runs that one, and the push succeeds', async () => {
    const { id } = await app.state();
    const push = app.startPush('--force-build');
    await push.until(/starting recovery/);
    const pruned = await app.docker('container', 'prune', '--force');
    expect(pruned).toContain(id);
    const { exitCode, stderr } = await push.ended();
    expect(exitCode, stderr).toBe(0);
    expect((await app.state()).running).toBe(true);
    await app.expectInStep();
    expect(await app.leftovers()).toEqual([]);
  });

  it('while the old app is stopped, the new one among them, makes that one again', async () => {
    using slow = new PushedApp(device, 'slow', {
      ...HELLO,
      '.resin-sync.yml': 'local_resinos:\n  stop-grace: 10\n',
      'main.sh': 'trap "echo ending; sleep 2; exit 0" TERM\nwhile true; do sleep 0.1; done\n',
    });
    await slow.push();
    const push = slow.startPush('--force-build');
    await slow.untilLogged('ending');
    await slow.docker('container', 'prune', '--force');
    const { exitCode, stderr } = await push.ended();
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain('the new container of slow was removed by somebody else');
    expect((await slow.state()).running).toBe(true);
    expect(await slow.leftovers()).toEqual([]);
  });
});

describe('a push that was killed', () => {
  const killedAt = async (moment: RegExp | (() => Promise<boolean>), ...args: string[]): Promise<void> => {
    const push = app.startPush(...args);
    if (moment instanceof RegExp) await push.until(moment);
    else await eventually(moment, { what: 'the moment to kill at', withinMs: 30_000, everyMs: 5 });
    push.kill('SIGKILL');
    await push.ended();
  };
  const containers = () => app.docker('ps', '--all', '--format', '{{.Names}}');

  /** What a killed push leaves is its lock, until it has run out. */
  const pushWhenFree = () =>
    eventually(
      async () => {
        const result = await app.tryPush();
        if (result.exitCode !== 8) expect(result.exitCode, result.stderr).toBe(0);
        return result.exitCode === 0;
      },
      { what: 'the end of the lock', withinMs: 30_000, everyMs: 500 },
    );

  it('before it stopped the old container leaves a new one that the next push takes away', async () => {
    // It takes all of its grace: half a second in which the new container is there and the old one runs.
    app.write('main.sh', 'trap : TERM\nwhile true; do sleep 0.1; done\n');
    await app.push();
    const before = await app.state();
    await killedAt(async () => (await containers()).includes('recovery.rdt-next'), '--force-build');
    expect(await app.state()).toEqual(before);
    await app.forgetLock();
    app.write('main.sh', LOOP);
    await app.push();
    expect(await app.leftovers()).toEqual([]);
  });

  it('while it stopped the old container leaves an app that the next one starts, also when its build fails', async () => {
    using slow = new PushedApp(device, 'killed', {
      ...HELLO,
      '.resin-sync.yml': 'local_resinos:\n  stop-grace: 10\n',
      'main.sh': 'trap "echo ending; sleep 1; exit 0" TERM\nwhile true; do sleep 0.1; done\n',
    });
    await slow.push();
    const { id } = await slow.state();
    const push = slow.startPush('--force-build');
    await slow.untilLogged('ending');
    push.kill('SIGKILL');
    await push.ended();
    await eventually(async () => !(await slow.state()).running, { what: 'its end', withinMs: 10_000 });
    expect(await slow.leftovers()).toContain('killed.rdt-next');
    await slow.forgetLock();
    slow.write('Dockerfile', 'FROM busybox\nRUN exit 3\n');
    expect((await slow.tryPush()).exitCode).toBe(5);
    expect(await slow.state()).toMatchObject({ id, running: true });
    expect(await slow.leftovers()).toEqual([]);
  });

  it('while the new container proved itself is healed by the next one, within 30 s', async () => {
    await killedAt(/starting recovery/, '--force-build');
    expect(await containers()).toContain('recovery.rdt-previous');
    const held = await app.tryPush('--force-build');
    expect(held.exitCode).toBe(8);
    expect(held.stderr).toMatch(/a push of recovery from this computer, root@\S+ \(pid \d+\), was cut off/);
    await pushWhenFree();
    await app.expectInStep();
    expect(await app.leftovers()).toEqual([]);
  });

  it('while the new container proved itself leaves one that runs after a reboot, and the next push the old one with its policy', async () => {
    await killedAt(/starting recovery/, '--force-build');
    await device.reboot();
    expect(await app.docker('ps', '--filter', 'name=recovery', '--format', '{{.Names}}')).toBe('recovery');
    await app.forgetLock();
    await app.push();
    expect(await app.inspect('{{.HostConfig.RestartPolicy.Name}}')).toBe('always');
    expect(await app.leftovers()).toEqual([]);
  });

  it('between the stop of the old container and the start of the new one is healed by the next one', async () => {
    await killedAt(async () => (await containers()).includes('recovery.rdt-previous'), '--force-build');
    await app.forgetLock();
    expect((await app.push()).stderr).toContain(
      'an earlier push of recovery was cut off; what it began is taken back',
    );
    expect((await app.state()).running).toBe(true);
    await app.expectInStep();
    expect(await app.leftovers()).toEqual([]);
  });
});
