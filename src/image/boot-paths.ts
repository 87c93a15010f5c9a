/** Where a boot partition has what we set (device-facts). */
export const CONFIG_FILE = '/config.json';
export const CONNECTIONS_FOLDER = '/system-connections';

/** Our own profiles; further networks of a list are `resin-wifi-2`, `resin-wifi-3`, ... */
export const WIFI_PROFILE = 'resin-wifi';
export const ETHERNET_PROFILE = 'resin-ethernet';
