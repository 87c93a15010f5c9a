/** What no POSIX shell gives a meaning to. */
const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/;

const quote = (word: string): string => {
  if (word.includes('\0')) throw new TypeError('A shell word cannot hold a NUL byte.');
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
};

/** One command line for a POSIX shell that runs exactly these words. Throws a TypeError for a NUL byte. */
export const shellCommand = (argv: readonly string[]): string => {
  const [program = '', ...words] = argv;
  // `A=1` as the first word would be an assignment.
  const first = program.includes('=') ? `'${program.replaceAll("'", "'\\''")}'` : quote(program);
  return [first, ...words.map(quote)].join(' ');
};
