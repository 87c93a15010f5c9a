/** A path in a list that a shell reads line by line: one that goes on in the next line has a slash at its end, which no path has. */
export const pathLine = (path: string): string => `./${path.replaceAll('\n', '/\n')}\n`;

/** Reads on where `path` is only the first line of one. */
export const REST_OF_PATH = `
rest_of_path() {
  while [ "\${path%/}" != "$path" ]; do
    IFS= read -r line
    path="\${path%/}
$line"
  done
}
`;
