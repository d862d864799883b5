/** The weights of variants.py and adapters.py: a formula of the parameter's name and place, so that none are stored. */
export function value(name: string, shape: readonly number[]): Float32Array {
  const seed = Buffer.from(name).reduce((n, c) => n + c, 0) % 97;
  const one = /norm|\.ln_|^ln_f/.test(name) && name.endsWith("weight") ? 1 : 0;
  const length = shape.reduce((a, b) => a * b, 1);
  const height = shape.length === 1 ? 0.1 : 0.4;
  return Float32Array.from({ length }, (_, i) => Math.sin(seed + 1.37 * i) * height + one);
}
