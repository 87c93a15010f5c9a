/** Neither TypeScript's ES libraries nor Node's types declare it. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, object>>>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
};

/** Sums the bytes `[start, end)` of its memory; both are multiples of `STRIDE_BYTES`, and `start < end`. */
export type Checksum = (start: number, end: number) => number;

const VECTOR_BYTES = 16;
/** As many as a processor multiplies at once. */
const VECTORS = 8;
export const STRIDE_BYTES = VECTOR_BYTES * VECTORS;
/** 2^32 divided by the golden ratio, odd: multiplying by it loses nothing. */
const FACTOR = 0x9e3779b1 | 0;
const SHIFT = 15;

/** Parameters, then locals of the function below. */
const [AT, END, SUM, FACTORS, FIRST_STATE] = [0, 1, 2, 3, 4] as const;

/**
 * A checksum of vector instructions over `memory`: seven times faster than `zlib.crc32` (measured: 26 to 3.8 GB/s), so that verifying
 * costs little more than reading. 32 lanes of 32 bits each take every 32nd word: `h = (h ^ word) * FACTOR; h ^= h >>> 15`. Each step
 * can be undone, so one wrong word in a lane always shows; more of them escape once in 2^32. At the end the lanes are mixed in the
 * same way. Undefined where the processor has no such instructions.
 */
export function checksumOver(memory: object): Checksum | undefined {
  try {
    const module = new WebAssembly.Module(Uint8Array.from(MODULE));
    return new WebAssembly.Instance(module, { env: { memory } }).exports['sum'] as Checksum;
  } catch {
    return undefined;
  }
}

// What follows puts the module together: numbers in LEB128, instructions by their code in the WebAssembly specification.

function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  const isLast = value >= -0x40 && value < 0x40;
  return isLast ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}

const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const tee = (local: number): number[] => [0x22, local];
const constant = (value: number): number[] => [0x41, ...signed(value)];
const vector = (instruction: number): number[] => [0xfd, ...unsigned(instruction)];
const [I32_ADD, I32_MUL, I32_XOR, I32_SHR, I32_LESS] = [0x6a, 0x6c, 0x73, 0x76, 0x49] as const;
const load = (offset: number): number[] => [...vector(0x00), 0, ...unsigned(offset)];
const splat = vector(0x11);
const lane = (index: number): number[] => [...vector(0x1b), index];
const [xor, multiply, shiftRight] = [vector(0x51), vector(0xb5), vector(0xad)] as const;

const STATES = Array.from({ length: VECTORS }, (_, index) => FIRST_STATE + index);

/** `state = (top of stack) * FACTOR; state ^= state >>> SHIFT` */
const mix = (state: number): number[] => [
  ...[...get(FACTORS), ...multiply, ...tee(state)],
  ...[...get(state), ...constant(SHIFT), ...shiftRight, ...xor, ...set(state)],
];

const stride = STATES.flatMap((state, index) => [
  ...[...get(state), ...get(AT), ...load(index * VECTOR_BYTES), ...xor],
  ...mix(state),
]);
const strides = [
  ...[0x03, 0x40, ...stride],
  ...[...get(AT), ...constant(STRIDE_BYTES), I32_ADD, ...tee(AT), ...get(END), I32_LESS, 0x0d, 0, 0x0b],
];
const mixVectors = STATES.slice(1).flatMap((state) => [
  ...[...get(FIRST_STATE), ...get(state), ...xor],
  ...mix(FIRST_STATE),
]);
const mixLanes = [0, 1, 2, 3].flatMap((index) => [
  ...[...get(SUM), ...get(FIRST_STATE), ...lane(index), I32_XOR, ...constant(FACTOR), I32_MUL, ...tee(SUM)],
  ...[...get(SUM), ...constant(SHIFT), I32_SHR, I32_XOR, ...set(SUM)],
]);
const body = [
  ...[...constant(FACTOR), ...splat, ...set(FACTORS)],
  ...STATES.flatMap((state, index) => [...constant(index + 1), ...splat, ...set(state)]),
  ...[...strides, ...mixVectors, ...mixLanes, ...get(SUM), 0x0b],
];

const sized = (bytes: readonly number[]): number[] => [...unsigned(bytes.length), ...bytes];
const section = (id: number, content: readonly number[]): number[] => [id, ...sized(content)];
const named = (name: string): number[] => sized([...Buffer.from(name)]);
const [I32, V128] = [0x7f, 0x7b] as const;
const locals = [2, ...[1, I32], ...[1 + VECTORS, V128]];

const MODULE = [
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, [1, 0x60, ...sized([I32, I32]), ...sized([I32])]),
  ...section(2, [1, ...named('env'), ...named('memory'), 2, 0, 0]),
  ...section(3, [1, 0]),
  ...section(7, [1, ...named('sum'), 0, 0]),
  ...section(10, [1, ...sized([...locals, ...body])]),
];
