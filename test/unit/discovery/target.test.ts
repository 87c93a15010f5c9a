import { describe, expect, it } from 'vitest';
import { parseTarget, type TargetPorts } from '../../../src/discovery/target.js';
import { ExitCode, RdtError } from '../../../src/errors.js';

const usual: TargetPorts = { type: 'usual' };
const either = (port: number): TargetPorts => ({ type: 'either', port });

function refusalOf(text: string): RdtError {
  try {
    parseTarget(text);
  } catch (error) {
    if (error instanceof RdtError) return error;
    throw error;
  }
  throw new Error(`${text} was accepted`);
}

describe('what can be typed for a device', () => {
  it.each<[string, string, TargetPorts]>([
    ['10.0.0.5', '10.0.0.5', usual],
    ['10.0.0.5:2375', '10.0.0.5', either(2375)],
    ['127.0.0.1', '127.0.0.1', usual],
    ['fd97::5', 'fd97::5', usual],
    ['FD97:0:0:0:0:0:0:5', 'fd97::5', usual],
    ['[fd97::5]', 'fd97::5', usual],
    ['[fd97::5]:22222', 'fd97::5', either(22222)],
    ['fe80::1%eth0', 'fe80::1%eth0', usual],
    ['[fe80::1%eth0]:22222', 'fe80::1%eth0', either(22222)],
    ['[fe80::1%25eth0]:22222', 'fe80::1%eth0', either(22222)],
    ['tcp://10.0.0.5', '10.0.0.5', { type: 'engine', port: undefined }],
    ['tcp://10.0.0.5:2375/', '10.0.0.5', { type: 'engine', port: 2375 }],
    ['TCP://[fd97::5]:2376', 'fd97::5', { type: 'engine', port: 2376 }],
    ['ssh://10.0.0.5', '10.0.0.5', { type: 'ssh', port: undefined, user: undefined }],
    ['ssh://root@10.0.0.5:22222', '10.0.0.5', { type: 'ssh', port: 22222, user: 'root' }],
    ['ssh://pi@[fe80::1%eth0]:22', 'fe80::1%eth0', { type: 'ssh', port: 22, user: 'pi' }],
  ])('%s is an address', (text, address, ports) => {
    expect(parseTarget(text)).toEqual({ type: 'address', address, ports });
  });

  it.each<[string, string, TargetPorts]>([
    ['kitchen', 'kitchen', usual],
    ['kitchen.local', 'kitchen.local', usual],
    ['kitchen.local.', 'kitchen.local', usual],
    ['kitchen:2375', 'kitchen', either(2375)],
    ['pi.example.org:22222', 'pi.example.org', either(22222)],
    ['1234567', '1234567', usual],
    ['My Pi', 'My Pi', usual],
    ['küche', 'küche', usual],
    ['ssh://root@kitchen.local:22222', 'kitchen.local', { type: 'ssh', port: 22222, user: 'root' }],
    ['tcp://kitchen', 'kitchen', { type: 'engine', port: undefined }],
  ])('%s is a name', (text, name, ports) => {
    expect(parseTarget(text)).toEqual({ type: 'name', name, ports });
  });

  it.each<[string, string]>([
    ['', 'is empty'],
    ['   ', 'is empty'],
    ['10.0.0.256', 'looks like an IPv4 address but is not one'],
    ['10.0.0', 'looks like an IPv4 address but is not one'],
    ['10.0.0.5:0', 'has the port "0"'],
    ['10.0.0.5:65536', 'has the port "65536"'],
    ['10.0.0.5:', 'has the port ""'],
    ['10.0.0.5:ssh', 'has the port "ssh"'],
    ['fe80::1', 'is a link-local address without its interface'],
    ['fe80::zz', 'has several colons but is not an IPv6 address'],
    ['fd97::5:22222x', 'has several colons but is not an IPv6 address'],
    ['[fd97::5', 'has a bracket that does not close'],
    ['[fd97::5]22222', 'has a bracket that does not close'],
    ['[kitchen]:22', 'has something other than an IPv6 address in brackets'],
    ['0.0.0.0', 'is not the address of one host'],
    ['255.255.255.255', 'is not the address of one host'],
    ['224.0.0.251', 'is not the address of one host'],
    ['ff02::fb', 'is not the address of one host'],
    ['::', 'is not the address of one host'],
    ['http://10.0.0.5', 'starts with http://'],
    ['ssh://root:secret@10.0.0.5', 'holds a password'],
    ['ssh://@10.0.0.5', 'has no valid user name'],
    ['ssh://-oProxyCommand=x@10.0.0.5', 'has no valid user name'],
    ['ssh://', 'names no host'],
    ['root@10.0.0.5', 'has a user name; that needs ssh://'],
    ['-kitchen', 'is neither an address nor a name'],
    ['./project', 'is neither an address nor a name'],
    ['kitchen/x', 'is neither an address nor a name'],
    ['kit\u001b[2Jchen', 'holds characters that cannot be in a name'],
    ['kit\nchen', 'holds characters that cannot be in a name'],
    ['x'.repeat(254), 'is too long for a name'],
  ])('%j is a usage error that says why', (text, reason) => {
    const error = refusalOf(text);
    expect(error.message).toContain(reason);
    expect(error.exitCode).toBe(ExitCode.usage);
  });

  it('shows no password and no control character in its message', () => {
    expect(refusalOf('ssh://root:secret@10.0.0.5').message).not.toContain('secret');
    expect(refusalOf('kit\u001b[2Jchen').message).toContain('kit\\u{1b}[2Jchen');
  });
});
