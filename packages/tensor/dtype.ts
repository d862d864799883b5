/** Element types, with ONNX's numbers for them (TensorProto.DataType). */
export const dtypes = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 } as const;
export type DType = keyof typeof dtypes;

/** Elements in a shape; a scalar has one. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
