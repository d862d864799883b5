/** Differentiable programs over ONNX Runtime: graph, gradients, optimisers, native sessions. */
export { type DType, sizeOf } from "./dtype.ts";
export { type Device, devices, threads } from "./device.ts";
export { dropout } from "./dropout.ts";
export { fusedAdamW } from "./fused.ts";
export { firstNotFinite, notFinite } from "./finite.ts";
export { Graph, type Tensor } from "./graph.ts";
export { grad, recompute } from "./gradients.ts";
export * from "./ops.ts";
export {
  adamw,
  adamwInputs,
  applyGradients,
  averageWeights,
  clipBy,
  globalNorm,
  gradientsInto,
  groupOf,
  optimise,
  Optimiser,
  optimiserInputs,
  type OptimiserOptions,
} from "./optimisers.ts";
export { IGNORED } from "./picks.ts";
export { Program, type RunInputs, State } from "./program.ts";
