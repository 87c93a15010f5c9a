import { describe, expect, it } from 'vitest';
import type { Sighting } from '../../../src/discovery/device.js';
import { Roster } from '../../../src/discovery/roster.js';

const sighting = (part: Partial<Sighting>): Sighting => ({
  name: 'kitchen',
  host: 'kitchen.local',
  addresses: ['10.0.0.5'],
  sshPort: 22222,
  resinDevice: true,
  ...part,
});

describe('which sightings are one host', () => {
  it('takes two devices of one name with different addresses for two', () => {
    const roster = new Roster();
    roster.add(sighting({ addresses: ['10.0.0.5'] }));
    expect(roster.add(sighting({ addresses: ['10.0.0.6'] })).type).toBe('new');
  });

  it('takes two names with a common address (172.17.0.1) for two', () => {
    const roster = new Roster();
    roster.add(sighting({ addresses: ['10.0.0.5', '172.17.0.1'] }));
    const other = sighting({ name: 'bath', host: 'bath.local', addresses: ['10.0.0.6', '172.17.0.1'] });
    expect(roster.add(other).type).toBe('new');
  });

  it('takes a host that is seen on two interfaces with a common address for one, best address first', () => {
    const roster = new Roster();
    roster.add(sighting({ addresses: ['fe80::1%eth0'] }));
    const change = roster.add(sighting({ name: 'KITCHEN', addresses: ['10.0.0.5', 'fe80::1%eth0'] }));
    expect(change).toMatchObject({ type: 'grown' });
    expect(change.type === 'grown' && change.host.sighting.addresses).toEqual(['10.0.0.5', 'fe80::1%eth0']);
  });

  it('says that nothing is new when nothing is', () => {
    const roster = new Roster();
    roster.add(sighting({ addresses: ['10.0.0.5', 'fe80::1%eth0'] }));
    expect(roster.add(sighting({ addresses: ['fe80::1%eth0'] })).type).toBe('known');
  });

  it('prefers what a service announces to a host name, and a device to a service', () => {
    const roster = new Roster();
    roster.add(sighting({ name: 'kitchen.local', sshPort: undefined, resinDevice: false }));
    roster.add(sighting({ name: 'shell on kitchen', sshPort: 22, resinDevice: false }));
    const change = roster.add(sighting({}));
    const later = roster.add(sighting({ name: 'shell on kitchen', sshPort: 22, resinDevice: false }));
    expect(change.type === 'grown' && change.host.sighting).toMatchObject({
      name: 'kitchen',
      sshPort: 22222,
    });
    expect(later.type).toBe('known');
  });
});
