import { describe, expect, it } from 'vitest';
import { discoveryLine } from '../../../src/ui/discovery-line.js';

const device = {
  name: 'kitchen',
  address: '10.0.0.5',
  addresses: ['10.0.0.5'],
  kind: 'development',
  engine: undefined,
  sshPort: 22222,
} as const;

describe('what is said while a device is looked for', () => {
  it('names the device that is used because it is the only one', () => {
    const line = discoveryLine({ type: 'device-selected', device, reason: 'only' });
    expect(line).toBe('Using kitchen (10.0.0.5), the only device in this network.');
  });

  it('names the device that was chosen', () => {
    const line = discoveryLine({ type: 'device-selected', device, reason: 'chosen' });
    expect(line).toBe('Using kitchen (10.0.0.5).');
  });

  it('says how long it may take', () => {
    expect(discoveryLine({ type: 'searching', limitMs: 5000 })).toBe('Looking for devices, up to 5 s ...');
  });
});
