"""Makes types.gguf and types.safetensors beside it: random blocks of each number format, written by the gguf package,
and what it reads them as.

    pip install gguf safetensors && python packages/lm/golden/make_gguf.py
"""
import pathlib

import gguf
import numpy as np
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize
from safetensors.numpy import save_file

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(7)
w = gguf.GGUFWriter(here / "types.gguf", "llama")
w.add_uint32("test.u32", 4_000_000_000)
w.add_int64("test.i64", -5)
w.add_float32("test.f32", 0.1)
w.add_bool("test.bool", True)
w.add_array("test.texts", ["ein", "Wal \u9be8"])
w.add_array("test.floats", [0.5, -1.5])
floats = {}
halves = {"F32": [], "F16": [], "BF16": [], "Q4_0": [0], "Q4_1": [0, 2], "Q8_0": [0], "Q4_K": [0, 2], "Q6_K": [208]}
for name, scales in halves.items():
    kind = gguf.GGMLQuantizationType[name]
    weights, size = GGML_QUANT_SIZES[kind]
    rows, columns = 3, max(weights, 32)
    if not scales:
        raw = rng.normal(size=(rows, columns)).astype(np.float32)
        blocks = gguf.quants.quantize(raw, kind)
    else:  # any bytes are a block, but the half-precision scales must be finite
        blocks = rng.integers(0, 256, (rows, columns // weights * size), dtype=np.uint8)
        for at in scales:
            blocks[:, at : at + 2] = rng.normal(scale=0.1, size=(rows, 1)).astype(np.float16).view(np.uint8)
    w.add_tensor(name, blocks, raw_dtype=kind)
    floats[name] = np.ascontiguousarray(dequantize(blocks, kind).astype(np.float32))
w.write_header_to_file(), w.write_kv_data_to_file(), w.write_tensors_to_file(), w.close()
save_file(floats, here / "types.safetensors")
