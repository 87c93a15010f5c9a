import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Knocker } from '../../src/discovery/knocker.js';

export interface Place {
  readonly address: string;
  readonly port: number;
}

/** Puts something at a port, and takes everything away in the end. */
export interface KnockerStage {
  readonly knocker: Knocker;
  engine(apiVersion: string | undefined): Promise<Place>;
  sshServer(banner: string): Promise<Place>;
  /** Accepts, and says nothing. */
  hanging(): Promise<Place>;
  /** Nothing listens. */
  closed(): Promise<Place>;
  /** Accepts, and cuts the connection. */
  cutting(): Promise<Place>;
  tearDown(): Promise<void>;
}

const never = () => new AbortController().signal;

/** What `Knocker` promises, for the fake and for the real one. */
export function knockerContract(name: string, createStage: () => KnockerStage): void {
  describe(name, () => {
    let stage: KnockerStage;
    beforeEach(() => {
      stage = createStage();
    });
    afterEach(() => stage.tearDown());

    it('finds an engine and the version that it speaks', async () => {
      const { address, port } = await stage.engine('1.41');
      const knock = await stage.knocker.engine(address, port, never());
      expect(knock).toEqual({ type: 'engine', apiVersion: '1.41' });
    });

    it('finds an engine that does not tell its version', async () => {
      const { address, port } = await stage.engine(undefined);
      const knock = await stage.knocker.engine(address, port, never());
      expect(knock).toEqual({ type: 'engine', apiVersion: undefined });
    });

    it('reads the version line of an ssh server', async () => {
      const { address, port } = await stage.sshServer('SSH-2.0-dropbear_2015.68');
      const knock = await stage.knocker.ssh(address, port, never());
      expect(knock).toEqual({ type: 'ssh', banner: 'SSH-2.0-dropbear_2015.68' });
    });

    it('takes an ssh server for no engine', async () => {
      const { address, port } = await stage.sshServer('SSH-2.0-OpenSSH_9.2');
      const knock = await stage.knocker.engine(address, port, never());
      expect(knock).toEqual({ type: 'failed', failure: 'garbage' });
    });

    for (const service of ['engine', 'ssh'] as const) {
      it(`tells a refused connection (${service})`, async () => {
        const { address, port } = await stage.closed();
        const knock = await stage.knocker[service](address, port, never());
        expect(knock).toEqual({ type: 'failed', failure: 'refused' });
      });

      it(`tells a connection that was cut (${service})`, async () => {
        const { address, port } = await stage.cutting();
        const knock = await stage.knocker[service](address, port, never());
        expect(knock).toEqual({ type: 'failed', failure: 'reset' });
      });

      it(`waits for a port that says nothing until it is told to stop (${service})`, async () => {
        const { address, port } = await stage.hanging();
        const limit = new AbortController();
        const knocking = stage.knocker[service](address, port, limit.signal);
        const first = await Promise.race([
          knocking,
          new Promise((resolve) => setTimeout(resolve, 50, 'waits')),
        ]);
        limit.abort();
        expect(first).toBe('waits');
        expect(await knocking).toEqual({ type: 'failed', failure: 'silent' });
      });

      it(`settles at once when it is told to stop before it begins (${service})`, async () => {
        const { address, port } = await stage.hanging();
        const knock = await stage.knocker[service](address, port, AbortSignal.abort());
        expect(knock).toEqual({ type: 'failed', failure: 'timeout' });
      });
    }
  });
}
