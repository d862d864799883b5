"""PyTorch's side of the bench, over transformers' models: waits for a line on stdin, works once, answers milliseconds.

argv: the case as JSON, config.json's fields as JSON, and f32, bf16 (autocast) or generate. Eager, SDPA attention, fused AdamW.
"""
import json
import os
import sys
import time

case, config, dtype = json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
threads = int(os.environ.get("TILLER_THREADS", os.cpu_count()))
os.environ["OMP_NUM_THREADS"] = str(threads)
import torch  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM, logging  # noqa: E402

logging.set_verbosity_error()

torch.set_num_threads(threads)
torch.set_flush_denormal(True)
kind = config.pop("model_type")
for key in ("resid_pdrop", "embd_pdrop", "attn_pdrop"):
    config[key] = 0.0
model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **config), attn_implementation="sdpa")
batch, length, work = case["batch"], case["length"], case["work"]
ids = torch.randint(0, config["vocab_size"], (batch, length))
autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bf16")

if work == "train":
    model.train()
    matrices = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() == 1]
    groups = [dict(params=matrices, weight_decay=0.1), dict(params=others, weight_decay=0.0)]
    adamw = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), fused=True)
    labels = ids.flatten().roll(-1)

    def once():
        start = time.perf_counter()
        with autocast:
            logits = model(ids, use_cache=False).logits
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adamw.step()
        adamw.zero_grad()
        return time.perf_counter() - start

else:
    model.eval()

    @torch.inference_mode()
    def generated(tokens):
        start = time.perf_counter()
        model.generate(ids, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False, pad_token_id=0)
        return time.perf_counter() - start

    @torch.inference_mode()
    def once():
        if dtype == "generate":
            return (generated(65) - generated(1)) / 64
        start = time.perf_counter()
        with autocast:
            out = model(ids, use_cache=True, logits_to_keep=1)
            if work == "prefill":
                return time.perf_counter() - start
            start = time.perf_counter()
            for _ in range(64):
                token = out.logits[:, -1].argmax(-1, keepdim=True)
                out = model(token, past_key_values=out.past_key_values, use_cache=True)
        return (time.perf_counter() - start) / 64


cold = once()
print(json.dumps(dict(ready=True, coldMs=cold * 1000)), flush=True)
for line in sys.stdin:
    if line.strip() == "memory":
        with open("/proc/self/status") as status:
            peak = next(int(row.split()[1]) for row in status if row.startswith("VmHWM"))
        print(json.dumps(dict(peakMB=peak / 1024)), flush=True)
    else:
        print(json.dumps(dict(ms=once() * 1000)), flush=True)
