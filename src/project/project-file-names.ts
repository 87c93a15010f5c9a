/** The names of a project file, best first. It is rewritten by pushes and means nothing on a device, so no sync sends it. */
export const PROJECT_FILE_NAMES = ['.resin-sync.yml', '.balena-sync.yml'] as const;
