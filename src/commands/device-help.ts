/** Of the argument of those commands that take any device. */
export const DEVICE_HELP =
  'address, host name, .local name, name from rdt scan, or ssh://user@host; may be left out when there is only one';
