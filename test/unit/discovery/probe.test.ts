import { describe, expect, it } from 'vitest';
import { type ProbePlan, type ProbeResult, probe } from '../../../src/discovery/probe.js';
import { FakeKnocker } from '../../contract/fake-knocker.js';
import { ManualClock } from './manual-clock.js';

const plan = (part: Partial<ProbePlan> = {}): ProbePlan => ({
  name: 'kitchen',
  addresses: ['10.0.0.5'],
  enginePorts: [2375, 2377],
  sshPorts: [22222],
  likelySshPort: 22222,
  ...part,
});

class Probing {
  readonly clock = new ManualClock();
  readonly #controller = new AbortController();
  result: ProbeResult | undefined;

  constructor(knocker: FakeKnocker, what: ProbePlan = plan()) {
    void probe(what, { knocker, clock: this.clock }, this.#controller.signal).then((result) => {
      this.result = result;
    });
  }

  async after(ms: number): Promise<ProbeResult | undefined> {
    await this.clock.advance(ms);
    return this.result;
  }

  abort(): void {
    this.#controller.abort();
  }
}

describe('probing one host', () => {
  it('is done when the engine answers, without waiting for ssh', async () => {
    const knocker = new FakeKnocker().put('10.0.0.5', 2375, { type: 'engine', apiVersion: '1.41' });
    knocker.put('10.0.0.5', 22222, { type: 'hangs' });
    const result = await new Probing(knocker).after(0);
    expect(result).toMatchObject({
      type: 'answered',
      device: {
        kind: 'development',
        engine: { host: '10.0.0.5', port: 2375, apiVersion: '1.41' },
        sshPort: 22222,
      },
    });
  });

  it('finds the engine on 2377 while 2375 hangs', async () => {
    const knocker = new FakeKnocker().put('10.0.0.5', 2375, { type: 'hangs' });
    knocker.put('10.0.0.5', 2377, { type: 'engine' });
    const result = await new Probing(knocker).after(0);
    expect(result).toMatchObject({ type: 'answered', device: { engine: { port: 2377 } } });
  });

  it('finds a production device by ssh when both engine ports have refused', async () => {
    const knocker = new FakeKnocker().put('10.0.0.5', 22222, { type: 'ssh' });
    const result = await new Probing(knocker).after(0);
    expect(result).toMatchObject({ type: 'answered', device: { kind: 'production', sshPort: 22222 } });
    expect(result).toMatchObject({ device: { engine: undefined } });
  });

  it('prefers port 22222 to port 22', async () => {
    const knocker = new FakeKnocker().put('10.0.0.5', 22222, { type: 'ssh' });
    knocker.put('10.0.0.5', 22, { type: 'ssh' });
    const result = await new Probing(knocker, plan({ sshPorts: [22222, 22] })).after(0);
    expect(result).toMatchObject({ device: { sshPort: 22222 } });
  });

  it('gives a hanging engine 2 s, then says so and offers ssh', async () => {
    const knocker = new FakeKnocker().put('10.0.0.5', 2375, { type: 'hangs' });
    knocker.put('10.0.0.5', 22222, { type: 'ssh' });
    const probing = new Probing(knocker);
    expect(await probing.after(1999)).toBeUndefined();
    expect(await probing.after(1)).toMatchObject({
      type: 'answered',
      device: {
        kind: 'development',
        engine: undefined,
        sshPort: 22222,
        engineTrouble: 'port 2375 accepts connections but says nothing',
      },
    });
  });

  it('takes a web server on 2375 for no engine', async () => {
    const knocker = new FakeKnocker().put('10.0.0.5', 2375, { type: 'fails', failure: 'garbage' });
    knocker.put('10.0.0.5', 22222, { type: 'ssh' });
    const result = await new Probing(knocker).after(0);
    expect(result).toMatchObject({
      device: { kind: 'production', engineTrouble: 'port 2375 is open but not an engine' },
    });
  });

  it('says of a port where ssh answered nothing about engines', async () => {
    const knocker = new FakeKnocker().put('10.0.0.5', 2222, { type: 'ssh' });
    const result = await new Probing(knocker, plan({ enginePorts: [2222], sshPorts: [2222] })).after(0);
    expect(result?.type === 'answered' && result.device.engineTrouble).toBeUndefined();
  });

  it('tells at once of a host that refuses everything, with every port', async () => {
    const result = await new Probing(new FakeKnocker()).after(0);
    const ports = result?.type === 'silent' ? result.failures.map(({ port }) => port) : [];
    expect(ports.sort((a, b) => a - b)).toEqual([2375, 2377, 22222]);
  });

  it('ends after 2 s for a host that does not exist', async () => {
    const knocker = new FakeKnocker();
    for (const port of [2375, 2377, 22222]) knocker.put('10.0.0.5', port, { type: 'drops' });
    const probing = new Probing(knocker);
    expect(await probing.after(1999)).toBeUndefined();
    expect(await probing.after(1)).toMatchObject({
      type: 'silent',
      failures: [{ failure: 'timeout' }, {}, {}],
    });
  });

  it('goes on with the second address after 250 ms, and at once when the first one fails', async () => {
    const addresses = ['10.0.0.5', '10.0.0.6'];
    const dropping = new FakeKnocker().put('10.0.0.6', 2375, { type: 'engine' });
    for (const port of [2375, 2377, 22222]) dropping.put('10.0.0.5', port, { type: 'drops' });
    const slow = new Probing(dropping, plan({ addresses }));
    expect(await slow.after(249)).toBeUndefined();
    expect(await slow.after(1)).toMatchObject({ device: { address: '10.0.0.6' } });

    const refusing = new FakeKnocker().put('10.0.0.6', 2375, { type: 'engine' });
    expect(await new Probing(refusing, plan({ addresses })).after(0)).toMatchObject({
      device: { address: '10.0.0.6', addresses },
    });
  });

  it('still takes the first address when it answers after the second one has begun', async () => {
    const knocker = new FakeKnocker().put('10.0.0.5', 22222, { type: 'ssh' });
    knocker.put('10.0.0.5', 2375, { type: 'drops' });
    for (const port of [2375, 2377, 22222]) knocker.put('10.0.0.6', port, { type: 'drops' });
    const result = await new Probing(knocker, plan({ addresses: ['10.0.0.5', '10.0.0.6'] })).after(2000);
    expect(result).toMatchObject({ device: { address: '10.0.0.5', kind: 'production' } });
  });

  it('ends as silent when it is aborted', async () => {
    const knocker = new FakeKnocker().put('10.0.0.5', 2375, { type: 'hangs' });
    const probing = new Probing(knocker);
    await probing.after(0);
    probing.abort();
    expect(await probing.after(0)).toMatchObject({ type: 'silent' });
  });
});
