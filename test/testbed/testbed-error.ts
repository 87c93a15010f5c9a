/** The test bed could not do what it was asked: the message says what, and ends with the log lines that tell why. */
export class TestbedError extends Error {
  override readonly name = 'TestbedError';
}
