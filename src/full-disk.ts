/** The kernel's words for ENOSPC, which each engine passes on. Old engines that have leaked control groups say so of them as well. */
const saysDiskIsFull = (message: string): boolean =>
  /no space left on device/i.test(message) && !message.includes('/sys/fs/cgroup');

/** What to do about what a device says; undefined when it is of something else. */
export const fullDiskHint = (message: string): string | undefined =>
  saysDiskIsFull(message)
    ? 'The disk of the device is probably full. Make room on it ("docker system df" there tells what takes it), then try again.'
    : undefined;
