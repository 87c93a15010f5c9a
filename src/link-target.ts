/** What a symbolic link says, as the device reads it: Windows has backslashes between the names. */
export const linkTarget = (read: string, platform: NodeJS.Platform): string =>
  platform === 'win32' ? read.replaceAll('\\', '/') : read;
