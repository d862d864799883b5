/**
 * ONNX Runtime's native library through its C API, by koffi: buffers are wrapped and never copied, the
 * same buffer may be input and output, and calls can run off the main thread. (onnxruntime-node's own
 * run() copies every output and blocks the event loop.) Function numbers follow onnxruntime_c_api.h,
 * which only ever appends to the table.
 */
import { createRequire } from "node:module";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import koffi from "koffi";
import { TillerError } from "@tiller/schema";
import { askedDevice, type Device, threads, useDevice } from "./device.ts";
import { type DType, dtypes, sizeOf } from "./dtype.ts";
import { flushes, flushing } from "./flush.ts";
import { silenceRuntime } from "./telemetry.ts";

const API_VERSION = 22;
const require = createRequire(import.meta.url);

function libraryPath(): string {
  const root = path.dirname(require.resolve("onnxruntime-node/package.json"));
  const dir = path.join(root, "bin", "napi-v6", process.platform, process.arch);
  const wanted = /^(lib)?onnxruntime(\.so\.1|\.\d.*\.dylib|\.dll)$/;
  const file = existsSync(dir) ? readdirSync(dir).find((name) => wanted.test(name)) : undefined;
  if (!file)
    throw new TillerError(
      "runtime_missing",
      `no ONNX Runtime for ${process.platform}-${process.arch} in onnxruntime-node. Run npm ci again, or use a platform it ships for.`,
    );
  return path.join(dir, file);
}

silenceRuntime();
// The handle must live as long as the process: when it is collected the library is unmapped and the next
// call crashes. A module's constant does not hold it once the module has run, so the global object does.
const lib = koffi.load(libraryPath());
Object.defineProperty(globalThis, Symbol.for("tiller.onnxruntime"), { value: lib });
const ApiBase = koffi.struct("OrtApiBase", { GetApi: "void*", GetVersionString: "void*" });
const base = koffi.decode(lib.func("OrtApiBase* OrtGetApiBase()")(), ApiBase);
const api = koffi.call(base.GetApi, koffi.proto("void* OrtGetApi(uint32_t version)"), API_VERSION);
if (!api)
  throw new TillerError(
    "runtime_too_old",
    `ONNX Runtime has no C API ${API_VERSION}. Run npm ci again.`,
  );
const table = koffi.decode(api, koffi.array("void*", 217));
const fn = (index: number, signature: string) => koffi.decode(table[index], koffi.proto(signature));

const c = {
  errorMessage: fn(2, "const char* OrtErrorMessage(void* status)"),
  createSessionFromArray: fn(
    8,
    "void* OrtFromArray(void* env, void* data, size_t size, void* options, _Out_ void** out)",
  ),
  run: fn(
    9,
    "void* OrtRun(void* session, void* options, void* inNames, void* ins, size_t n, void* outNames, size_t m, void* outs)",
  ),
  createOptions: fn(10, "void* OrtCreateOptions(_Out_ void** out)"),
  profile: fn(14, "void* OrtProfile(void* options, const char* prefix)"),
  optimisation: fn(23, "void* OrtOptLevel(void* options, int level)"),
  noMemoryPattern: fn(17, "void* OrtNoMemoryPattern(void* options)"),
  logLevel: fn(22, "void* OrtLogLevel(void* options, int level)"),
  createTensor: fn(
    49,
    "void* OrtTensor(void* info, void* data, size_t bytes, void* dims, size_t rank, int type, _Out_ void** out)",
  ),
  cpuMemory: fn(69, "void* OrtCpuMemory(int allocator, int type, _Out_ void** out)"),
  releaseStatus: fn(93, "void OrtReleaseStatus(void* status)"),
  releaseSession: fn(95, "void OrtReleaseSession(void* session)"),
  releaseValue: fn(96, "void OrtReleaseValue(void* value)"),
  releaseOptions: fn(100, "void OrtReleaseOptions(void* options)"),
  createEnv: fn(
    119,
    "void* OrtCreateEnv(int level, const char* id, void* threading, _Out_ void** out)",
  ),
  sharedThreads: fn(120, "void* OrtSharedThreads(void* options)"),
  createThreading: fn(121, "void* OrtCreateThreading(_Out_ void** out)"),
  releaseThreading: fn(122, "void OrtReleaseThreading(void* threading)"),
  intraThreads: fn(147, "void* OrtIntra(void* threading, int n)"),
  interThreads: fn(148, "void* OrtInter(void* threading, int n)"),
  configEntry: fn(130, "void* OrtConfigEntry(void* options, const char* key, const char* value)"),
  createArena: fn(144, "void* OrtCreateArena(void* env, void* info, void* settings)"),
  flushDenormals: fn(155, "void* OrtFlushDenormals(void* threading)"),
  addProvider: fn(
    216,
    "void* OrtAppendProvider(void* options, const char* name, void* keys, void* values, size_t n)",
  ),
};

function check(status: unknown): void {
  if (!status) return;
  const message = String(c.errorMessage(status));
  c.releaseStatus(status);
  const line = message.split("\n")[0]!.replace(/^\/\S+ .* was false\. /, ""); // the place in its source
  if (/allocate memory|bad_alloc|out of memory|BFCArena/i.test(line))
    throw new TillerError(
      "out_of_memory",
      `there is not enough memory for this step (ONNX Runtime: ${line}). Take fewer rows at a time (micro), shorter ones, or recompute the blocks.`,
    );
  if (/ind(ex|ices).*(out of|within).*bounds|out of range value in index/i.test(line))
    throw new TillerError(
      "out_of_range",
      `ids that the graph computes pick a place that is not there (ONNX Runtime: ${line}). Negative ones are refused too; clamp them, or mask what does not count.`,
    );
  throw new TillerError("runtime_failed", `ONNX Runtime: ${line}`);
}
/** Exported by builds that know CUDA alone, so it is looked up when it is asked for. */
const addCuda = (options: unknown) =>
  check(
    lib.func("void* OrtSessionOptionsAppendExecutionProvider_CUDA(void* options, int device)")(
      options,
      0,
    ),
  );
const addDevice = (options: unknown) => (device: "cuda" | "webgpu") =>
  device === "cuda" ? addCuda(options) : check(c.addProvider(options, "WebGPU", null, null, 0));
const made = (call: (out: unknown[]) => unknown): unknown => {
  const out: unknown[] = [null];
  check(call(out));
  return out[0];
};
const addressOf = (pointer: unknown): bigint =>
  typeof pointer === "bigint" ? pointer : BigInt(koffi.address(pointer as never));

/**
 * One pool of threads for all programs: those of a session of its own spin after a run, and take the next program's cores. And
 * one memory for what they compute on the way: only one runs at a time, and each would keep what its largest run took.
 */
const env = (() => {
  const threading = made((out) => c.createThreading(out));
  check(c.intraThreads(threading, threads()));
  check(c.interThreads(threading, 1));
  if (flushes) check(c.flushDenormals(threading));
  const env = made((out) => c.createEnv(4, "tiller", threading, out));
  c.releaseThreading(threading);
  const ARENA = 1; // OrtArenaAllocator, of the default memory
  check(
    c.createArena(
      env,
      made((out) => c.cpuMemory(ARENA, 0, out)),
      null,
    ),
  );
  return env;
})();
const cpu = made((out) => c.cpuMemory(0, 0, out));

type TypedArrays = {
  float32: Float32Array;
  int64: BigInt64Array;
  int32: Int32Array;
  uint8: Uint8Array;
  bool: Uint8Array;
};
const views = {
  float32: Float32Array,
  int64: BigInt64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

/** From here on, in bytes, memory is asked for in large pages. */
const LARGE = 4 * 2 ** 20;
/** Linux gives a new array 4 KB at a time, when each is first written; 2 MB at a time shorten a first step by a fifth. */
const inLargePages: (memory: ArrayBuffer) => void =
  process.platform === "linux"
    ? (() => {
        const HUGEPAGE = 14;
        const madvise = koffi.load(null).func("int madvise(uintptr_t at, size_t n, int advice)");
        const page = 65_536n; // the largest that a Linux has
        return (memory) => {
          const at = koffi.address(memory);
          const start = ((at + page - 1n) / page) * page;
          madvise(start, ((at + BigInt(memory.byteLength) - start) / page) * page, HUGEPAGE);
        };
      })()
    : () => {};

function allocate(bytes: number, what: string): ArrayBuffer {
  try {
    const memory = new ArrayBuffer(bytes);
    if (bytes >= LARGE) inLargePages(memory);
    return memory;
  } catch (cause) {
    throw new TillerError(
      "out_of_memory",
      `there is no memory for a tensor ${what}, ${(bytes / 1e6).toFixed(1)} MB. Take fewer rows at a time, or a smaller model.`,
      { cause },
    );
  }
}

/** A tensor in memory that both JavaScript and the runtime see. Allocated off the V8 heap. */
export class Storage<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data: TypedArrays[D];
  readonly #value: unknown;
  readonly address: bigint;
  constructor(dtype: D, shape: readonly number[]) {
    this.dtype = dtype;
    this.shape = shape;
    const View = views[dtype];
    const n = sizeOf(shape);
    // V8 keeps small typed arrays on its own heap and moves them; 256 bytes and more stay put
    this.data = new View(
      allocate(Math.max(256, n * View.BYTES_PER_ELEMENT), `${dtype} (${shape})`),
      0,
      n,
    ) as TypedArrays[D];
    const dims = shape.length ? BigInt64Array.from(shape, BigInt) : new BigInt64Array(1);
    this.#value = made((out) =>
      c.createTensor(cpu, this.data, this.data.byteLength, dims, shape.length, dtypes[dtype], out),
    );
    this.address = addressOf(this.#value);
  }
}

/** An array of C strings: the pointers, and the bytes that must stay referenced. */
function cStrings(names: readonly string[]): { pointers: BigUint64Array; bytes: Uint8Array } {
  const encoded = names.map((name) => Buffer.from(`${name}\0`, "utf8"));
  const bytes = new Uint8Array(
    new ArrayBuffer(
      Math.max(
        256,
        encoded.reduce((n, b) => n + b.length, 0),
      ),
    ),
  );
  const pointers = new BigUint64Array(
    new ArrayBuffer(Math.max(256, names.length * 8)),
    0,
    names.length,
  );
  const start = koffi.address(bytes);
  let at = 0;
  encoded.forEach((b, i) => {
    bytes.set(b, at);
    pointers[i] = start + BigInt(at);
    at += b.length;
  });
  return { pointers, bytes };
}

export interface SessionOptions {
  /** one block of memory for a whole run, beside what the first run took: a third more memory, and short runs are shorter */
  readonly plan?: boolean;
  /** file prefix for ONNX Runtime's own profile */
  readonly profile?: string;
  /** default: what TILLER_DEVICE says */
  readonly device?: Device;
}

/** A compiled graph bound to its buffers. */
export class Session {
  readonly #handle: unknown;
  readonly #keep: unknown[] = [];
  readonly #args: unknown[];
  #open = true;

  constructor(
    model: Uint8Array,
    ins: ReadonlyMap<string, Storage>,
    outs: ReadonlyMap<string, Storage>,
    options: SessionOptions = {},
  ) {
    const o = made((out) => c.createOptions(out));
    check(c.sharedThreads(o));
    check(c.configEntry(o, "session.use_env_allocators", "1"));
    if (!options.plan) check(c.noMemoryPattern(o));
    check(c.optimisation(o, 99));
    check(c.logLevel(o, 3));
    if (options.profile) check(c.profile(o, options.profile));
    useDevice(options.device ?? askedDevice(), addDevice(o));
    this.#handle = made((out) => c.createSessionFromArray(env, model, model.byteLength, o, out));
    c.releaseOptions(o);
    const inNames = cStrings([...ins.keys()]);
    const outNames = cStrings([...outs.keys()]);
    const pointers = (m: ReadonlyMap<string, Storage>) => {
      const p = new BigUint64Array(new ArrayBuffer(Math.max(256, m.size * 8)), 0, m.size);
      [...m.values()].forEach((b, i) => (p[i] = b.address));
      return p;
    };
    const inValues = pointers(ins);
    const outValues = pointers(outs);
    this.#keep.push(inNames, outNames, inValues, outValues, [...ins.values()], [...outs.values()]);
    this.#args = [
      this.#handle,
      null,
      inNames.pointers,
      inValues,
      ins.size,
      outNames.pointers,
      outs.size,
      outValues,
    ];
  }

  /** Runs on this thread; outputs are in their buffers when it returns. */
  run(): void {
    check(flushing(() => c.run(...this.#args)));
  }

  /** Runs on another thread; touch none of the buffers until it resolves. That thread keeps denormals. */
  runAsync(): Promise<void> {
    return new Promise((resolve, reject) => {
      c.run.async(...this.#args, (error: unknown, status: unknown) => {
        try {
          if (error) throw error;
          check(status);
          resolve();
        } catch (e) {
          reject(e as Error);
        }
      });
    });
  }

  [Symbol.dispose](): void {
    if (this.#open) c.releaseSession(this.#handle);
    this.#open = false;
  }
}
