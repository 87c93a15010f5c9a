import { RdtError } from '../../errors.js';
import { isEncodedWell } from './http-answer.js';

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };

/**
 * The proxy for an address, chosen as curl does: HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, in lower or upper case, unless NO_PROXY names the
 * host. Throws an `RdtError` for one that is no HTTP proxy.
 */
export function proxyFromEnvironment(resource: URL, env: Environment): URL | undefined {
  const read = (name: string): string | undefined => env[name] ?? env[name.toUpperCase()];
  const proxy = read(resource.protocol === 'https:' ? 'https_proxy' : 'http_proxy') ?? read('all_proxy');
  if (proxy === undefined || proxy === '' || isExempt(resource, read('no_proxy') ?? '')) return undefined;
  const address = /^[a-z][a-z\d+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
  const url = URL.canParse(address) && /^https?:/i.test(address) ? new URL(address) : undefined;
  if (url === undefined || !isEncodedWell(url.username) || !isEncodedWell(url.password)) {
    throw new RdtError(`cannot use the proxy ${proxy}: rdt knows HTTP proxies only`, {
      hint: 'Check HTTP_PROXY, HTTPS_PROXY and ALL_PROXY, or add the host to NO_PROXY.',
    });
  }
  return url;
}

/** Entries are hosts, which stand for everything below them too, with or without a leading dot and a port; `*` is everything. */
function isExempt(url: URL, noProxy: string): boolean {
  const host = url.hostname.toLowerCase();
  const port = url.port === '' ? DEFAULT_PORTS[url.protocol] : url.port;
  return noProxy.split(/[\s,]+/).some((entry) => {
    if (entry === '*') return true;
    const [, name = '', onlyPort] = /^(\[.*\]|[^:]*)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    const suffix = name.replace(/^\*?\./, '');
    if (suffix === '' || (onlyPort !== undefined && onlyPort !== port)) return false;
    return host === suffix || host.endsWith(`.${suffix}`);
  });
}
