/** The text is not laid out in the plain block style that lines can be put into and taken from. */
export class NotSpliceable extends Error {
  override readonly name = 'NotSpliceable';
}
