/** LZ4 blocks, bare (LZ4_RAW) and as Hadoop frames them (LZ4 of older Parquet files). Format: lz4_Block_format.md. */

/** Throws where the block does not make exactly `length` bytes. */
export function lz4Block(input: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  let [from, to] = [0, 0];
  const more = (count: number): number => {
    if (count < 15) return count;
    for (;;) {
      const b = input[from++];
      if (b === undefined || count > length) throw new Error("the LZ4 block is damaged");
      count += b;
      if (b !== 255) return count;
    }
  };
  while (from < input.length) {
    const token = input[from++]!;
    const literals = more(token >> 4);
    if (from + literals > input.length || to + literals > length)
      throw new Error("the LZ4 block is damaged");
    out.set(input.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    if (from >= input.length) break; // the last sequence has literals only
    const back = input[from]! | (input[from + 1]! << 8);
    from += 2;
    const count = more(token & 15) + 4;
    if (!back || back > to || to + count > length) throw new Error("the LZ4 block is damaged");
    for (let i = 0; i < count; i++, to++) out[to] = out[to - back]!; // it may overlap itself
  }
  if (to !== length) throw new Error(`the LZ4 block has ${to} bytes where ${length} are said`);
  return out;
}

/** Frames of [length unpacked, length packed, block ...], big-endian; some writers leave the frame out. */
export function lz4Hadoop(input: Uint8Array, length: number): Uint8Array {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const out = new Uint8Array(length);
  let [at, to] = [0, 0];
  const framed = () =>
    at + 8 <= input.length &&
    view.getUint32(at) <= length - to &&
    view.getUint32(at + 4) <= input.length - at - 8;
  if (!framed()) return lz4Block(input, length);
  try {
    while (to < length && framed()) {
      const [unpacked, packed] = [view.getUint32(at), view.getUint32(at + 4)];
      out.set(lz4Block(input.subarray(at + 8, at + 8 + packed), unpacked), to);
      to += unpacked;
      at += 8 + packed;
    }
    if (to === length && at === input.length) return out;
  } catch {
    // a bare block that happened to look like a frame
  }
  return lz4Block(input, length);
}
