/** Neither TypeScript's ES libraries nor Node's types declare it. */
declare const WebAssembly: {
  readonly Memory: new (limits: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};

const WASM_PAGE_BYTES = 64 * 1024;

/**
 * Memory that begins at a page, as direct I/O demands. Node cannot align a `Buffer`, but the engine maps WebAssembly memory by whole
 * pages. Each call reserves 8 GB of address space (no memory): for a few lasting buffers, not for many.
 */
export function allocatePages(sizeBytes: number): Buffer {
  const pages = Math.max(Math.ceil(sizeBytes / WASM_PAGE_BYTES), 1);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  return Buffer.from(memory.buffer, 0, sizeBytes);
}
