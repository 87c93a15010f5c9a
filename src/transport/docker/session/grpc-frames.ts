/** A gRPC message on its stream: one byte (1: compressed), its length in four, the message. */
const PREFIX_BYTES = 5;

/** What an engine says to us is a few hundred bytes long. */
const LONGEST_MESSAGE_BYTES = 1024 * 1024;

/** `isGzip`: what the message is, by the call's `grpc-encoding`. */
export function grpcFrame(message: Uint8Array, isGzip = false): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame.writeUInt8(isGzip ? 1 : 0, 0);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

/** Cuts a stream of bytes, which comes in pieces of any size, into messages. */
export class GrpcFrames {
  private open: Buffer = Buffer.alloc(0);

  /** The messages that are complete now. @throws Error when the bytes are no messages that we could have been sent. */
  push(piece: Buffer): Buffer[] {
    this.open = this.open.length === 0 ? piece : Buffer.concat([this.open, piece]);
    const messages: Buffer[] = [];
    for (let message = this.take(); message !== undefined; message = this.take()) messages.push(message);
    return messages;
  }

  private take(): Buffer | undefined {
    if (this.open.length < PREFIX_BYTES) return undefined;
    const sizeBytes = this.open.readUInt32BE(1);
    if (this.open.readUInt8(0) !== 0) throw new Error('a compressed gRPC message, which was not offered');
    if (sizeBytes > LONGEST_MESSAGE_BYTES) throw new Error(`a gRPC message of ${sizeBytes} bytes`);
    const end = PREFIX_BYTES + sizeBytes;
    if (this.open.length < end) return undefined;
    const message = this.open.subarray(PREFIX_BYTES, end);
    this.open = this.open.subarray(end);
    return message;
  }
}
