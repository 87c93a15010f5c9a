import { FakeKnocker, type PortBehaviour } from './fake-knocker.js';
import { type KnockerStage, knockerContract, type Place } from './knocker-contract.js';

function createStage(): KnockerStage {
  const knocker = new FakeKnocker();
  const put = (behaviour: PortBehaviour): Promise<Place> => {
    knocker.put('10.0.0.5', 2375, behaviour);
    return Promise.resolve({ address: '10.0.0.5', port: 2375 });
  };
  return {
    knocker,
    engine: (apiVersion) => put({ type: 'engine', ...(apiVersion === undefined ? {} : { apiVersion }) }),
    sshServer: (banner) => put({ type: 'ssh', banner }),
    hanging: () => put({ type: 'hangs' }),
    closed: () => put({ type: 'fails', failure: 'refused' }),
    cutting: () => put({ type: 'fails', failure: 'reset' }),
    tearDown: () => Promise.resolve(),
  };
}

knockerContract('FakeKnocker', createStage);
