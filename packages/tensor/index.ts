/** Differentiable programs over ONNX Runtime: graph, gradients, optimisers, native sessions. */
export { type DType, sizeOf } from "./dtype.ts";
export { Graph, type Tensor } from "./graph.ts";
export { grad } from "./gradients.ts";
export * from "./ops.ts";
export { adamw, type AdamWOptions, adamwInputs } from "./optimisers.ts";
export { Program, State } from "./program.ts";
