import { describe, expect, it } from 'vitest';
import { RdtError } from '../../../src/errors.js';
import { proxyFromEnvironment } from '../../../src/image/decode/proxy-choice.js';

const proxyFor = (url: string, env: Record<string, string>): string | undefined =>
  proxyFromEnvironment(new URL(url), env)?.href;

describe('the proxy of an address', () => {
  it.each([
    ['https://a.example/os.img', { HTTPS_PROXY: 'http://proxy:3128' }, 'http://proxy:3128/'],
    [
      'https://a.example/os.img',
      { https_proxy: 'http://small', HTTPS_PROXY: 'http://large' },
      'http://small/',
    ],
    ['https://a.example/os.img', { HTTP_PROXY: 'http://proxy' }, undefined],
    ['http://a.example/os.img', { HTTP_PROXY: 'http://proxy' }, 'http://proxy/'],
    ['http://a.example/os.img', { ALL_PROXY: 'http://proxy' }, 'http://proxy/'],
    ['http://a.example/os.img', { http_proxy: 'proxy.corp:8080' }, 'http://proxy.corp:8080/'],
    ['http://a.example/os.img', { http_proxy: '' }, undefined],
    ['http://a.example/os.img', {}, undefined],
  ])('%s with %j is %s', (url, env, proxy) => expect(proxyFor(url, env)).toBe(proxy));

  it('that is no HTTP proxy is refused', () => {
    expect(() => proxyFor('http://a.example/', { all_proxy: 'socks5://proxy' })).toThrow(/HTTP proxies only/);
  });

  it('whose user name cannot be decoded is refused', () => {
    expect(() => proxyFor('http://a.example/', { http_proxy: 'http://me%zz:x@proxy' })).toThrow(RdtError);
  });
});

describe('NO_PROXY', () => {
  const isExempt = (url: string, noProxy: string): boolean =>
    proxyFor(url, { http_proxy: 'http://proxy', NO_PROXY: noProxy }) === undefined;

  it.each([
    ['http://a.example/', 'a.example'],
    ['http://A.example/', 'b.example, a.EXAMPLE'],
    ['http://a.example/', 'example'],
    ['http://a.example/', '.example'],
    ['http://a.example/', '*.example'],
    ['http://a.example:80/', 'a.example:80'],
    ['http://a.example:8080/', 'a.example'],
    ['http://192.168.1.5/', '192.168.1.5'],
    ['http://[fe80::1]/', '[fe80::1]'],
    ['http://a.example/', '*'],
  ])('exempts %s by %s', (url, noProxy) => expect(isExempt(url, noProxy)).toBe(true));

  it.each([
    ['http://a.example/', 'ample'],
    ['http://a.example/', 'b.a.example'],
    ['http://a.example/', 'a.example:8080'],
    ['http://a.example/', ''],
    ['http://a.example/', ','],
  ])('does not exempt %s by %s', (url, noProxy) => expect(isExempt(url, noProxy)).toBe(false));
});
