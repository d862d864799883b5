/**
 * The number formats of ggml's files: blocks of weights with a scale or two each. One entry a type: its number in the
 * file, weights and bytes a block, how a block is read, and how it is written where we write it.
 */
export interface GgmlType {
  readonly id: number;
  readonly weights: number;
  readonly bytes: number;
  /** writes `weights` floats to `out` at `o`, from the block at byte `at` */
  readonly read: (v: DataView, at: number, out: Float32Array, o: number) => void;
  readonly write?: (v: DataView, at: number, x: Float32Array, i: number) => void;
}

const f16 = (v: DataView, at: number): number => v.getFloat16(at, true);

/** Scale and minimum of sub-block j of a Q4_K block: eight pairs of six bits in twelve bytes. */
function scaleAndMin(v: DataView, at: number, j: number): [number, number] {
  const q = (i: number) => v.getUint8(at + i);
  return j < 4
    ? [q(j) & 63, q(j + 4) & 63]
    : [(q(j + 4) & 15) | ((q(j - 4) >> 6) << 4), (q(j + 4) >> 4) | ((q(j) >> 6) << 4)];
}

export const ggmlTypes = {
  F32: {
    id: 0,
    weights: 1,
    bytes: 4,
    read: (v, at, out, o) => (out[o] = v.getFloat32(at, true)),
    write: (v, at, x, i) => v.setFloat32(at, x[i], true),
  },
  F16: {
    id: 1,
    weights: 1,
    bytes: 2,
    read: (v, at, out, o) => (out[o] = f16(v, at)),
    write: (v, at, x, i) => v.setFloat16(at, x[i], true),
  },
  // 32 weights: a scale, then nibbles less 8; the second half of the weights in the high nibbles
  Q4_0: {
    id: 2,
    weights: 32,
    bytes: 18,
    read: (v, at, out, o) => {
      const d = f16(v, at);
      for (let j = 0; j < 16; j++) {
        const q = v.getUint8(at + 2 + j);
        out[o + j] = ((q & 15) - 8) * d;
        out[o + j + 16] = ((q >> 4) - 8) * d;
      }
    },
  },
  // as Q4_0, with a minimum in place of the 8
  Q4_1: {
    id: 3,
    weights: 32,
    bytes: 20,
    read: (v, at, out, o) => {
      const [d, m] = [f16(v, at), f16(v, at + 2)];
      for (let j = 0; j < 16; j++) {
        const q = v.getUint8(at + 4 + j);
        out[o + j] = (q & 15) * d + m;
        out[o + j + 16] = (q >> 4) * d + m;
      }
    },
  },
  // 32 weights: a scale and signed bytes
  Q8_0: {
    id: 8,
    weights: 32,
    bytes: 34,
    read: (v, at, out, o) => {
      const d = f16(v, at);
      for (let j = 0; j < 32; j++) out[o + j] = v.getInt8(at + 2 + j) * d;
    },
    write: (v, at, x, i) => {
      let largest = 0;
      for (let j = 0; j < 32; j++) largest = Math.max(largest, Math.abs(x[i + j]));
      const d = largest / 127;
      v.setFloat16(at, d, true);
      for (let j = 0; j < 32; j++) v.setInt8(at + 2 + j, d ? Math.round(x[i + j] / d) : 0);
    },
  },
  // 256 weights: eight sub-blocks of 32 with six-bit scales and minima, under one scale of each
  Q4_K: {
    id: 12,
    weights: 256,
    bytes: 144,
    read: (v, at, out, o) => {
      const [d, dmin] = [f16(v, at), f16(v, at + 2)];
      for (let j = 0; j < 8; j++) {
        const [scale, min] = scaleAndMin(v, at + 4, j);
        const [a, b] = [d * scale, dmin * min];
        for (let l = 0; l < 32; l++) {
          const q = v.getUint8(at + 16 + (j >> 1) * 32 + l);
          out[o + 32 * j + l] = a * (j % 2 ? q >> 4 : q & 15) - b;
        }
      }
    },
  },
  // 256 weights of six bits, four low and two high apart; sixteen signed scales under one
  Q6_K: {
    id: 14,
    weights: 256,
    bytes: 210,
    read: (v, at, out, o) => {
      const d = f16(v, at + 208);
      for (let i = 0; i < 256; i++) {
        const [half, quarter, l] = [i >> 7, (i >> 5) & 3, i & 31];
        const low = v.getUint8(at + half * 64 + (quarter % 2) * 32 + l) >> (quarter < 2 ? 0 : 4);
        const high = v.getUint8(at + 128 + half * 32 + l) >> (2 * quarter);
        const scale = v.getInt8(at + 192 + (i >> 4));
        out[o + i] = d * scale * (((low & 15) | ((high & 3) << 4)) - 32);
      }
    },
  },
  BF16: {
    id: 30,
    weights: 1,
    bytes: 2,
    read: (v, at, out, o) => {
      scratch.setUint32(0, v.getUint16(at, true) << 16);
      out[o] = scratch.getFloat32(0);
    },
  },
} as const satisfies Record<string, GgmlType>;
const scratch = new DataView(new ArrayBuffer(4));

export type GgmlTypeName = keyof typeof ggmlTypes;
const byId = new Map<number, GgmlType>(Object.values(ggmlTypes).map((t) => [t.id, t]));
export const ggmlType = (id: number): GgmlType | undefined => byId.get(id);

/** `n` weights from the bytes of whole blocks. */
export function dequantise(type: GgmlType, bytes: Uint8Array, n: number): Float32Array {
  const out = new Float32Array(n);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let o = 0, at = 0; o < n; o += type.weights, at += type.bytes) type.read(view, at, out, o);
  return out;
}

/** The bytes of these weights; their number is a multiple of the type's block. */
export function quantise(
  type: GgmlType & Required<Pick<GgmlType, "write">>,
  x: Float32Array,
): Uint8Array {
  const out = new Uint8Array((x.length / type.weights) * type.bytes);
  const view = new DataView(out.buffer);
  for (let i = 0, at = 0; i < x.length; i += type.weights, at += type.bytes)
    type.write(view, at, x, i);
  return out;
}
