"""Makes the folders beside it: freshly initialised tiny models of each architecture, saved by transformers, and
what PyTorch computes with them, so that the tests compare without Python.

    pip install torch==2.13.0 transformers==5.18.0 safetensors && python packages/lm/golden/make.py

Each folder has config.json, the weights, golden.json {ids, logits, loss, adamw} and gradients.safetensors (of the mean
next-token loss with respect to every parameter). adamw: the losses of 20 steps, clipped to norm 1.
"""
import json
import pathlib
import shutil

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

here = pathlib.Path(__file__).parent
llama = dict(
    hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
    vocab_size=40, max_position_embeddings=32,
)  # fmt: skip
neox = dict(
    hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=2, vocab_size=40,
    max_position_embeddings=32,
)  # fmt: skip
gpt2 = dict(n_embd=16, n_layer=2, n_head=2, n_positions=32, vocab_size=40)
rope3 = dict(
    rope_type="llama3", rope_theta=100.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0,
    original_max_position_embeddings=16,
)  # fmt: skip
models = {
    "gpt2": ("gpt2", gpt2, {}),
    "pythia": ("gpt_neox", {**neox, "rotary_pct": 0.25}, {}),
    "neox-sequential": ("gpt_neox", {**neox, "use_parallel_residual": False}, {}),
    "llama2": ("llama", llama, dict(max_shard_size="8KB")),
    "llama3": ("llama", {**llama, "rope_parameters": rope3, "tie_word_embeddings": True}, {}),
    "mistral": ("mistral", {**llama, "sliding_window": 5}, {}),
    "qwen2": ("qwen2", {**llama, "tie_word_embeddings": True}, dict(dtype=torch.bfloat16)),
    "qwen3": ("qwen3", {**llama}, dict(dtype=torch.float16)),
}

for name, (kind, fields, how) in models.items():
    torch.manual_seed(sum(map(ord, name)))
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **fields))
    with torch.no_grad():
        for p in model.parameters():  # larger than the usual start, so that every term shows in the logits
            p.add_(torch.randn_like(p) * 0.2)
    dtype = how.pop("dtype", torch.float32)
    model = model.to(dtype)
    folder = here / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, **how)
    (folder / "generation_config.json").unlink(missing_ok=True)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()  # as stored, rotary tables exact
    saved = lambda n: n.replace("lm_head", "embed_out") if kind == "gpt_neox" else n.removeprefix("transformer.")

    ids = torch.randint(0, 40, (2, 12))
    loss_of = lambda: torch.nn.functional.cross_entropy(
        model(ids).logits[:, :-1].reshape(-1, 40), ids[:, 1:].reshape(-1)
    )
    logits = model(ids).logits
    loss = loss_of()
    loss.backward()
    save_file({saved(n): p.grad.contiguous() for n, p in model.named_parameters()}, folder / "gradients.safetensors")

    matrices = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() == 1]
    adamw = torch.optim.AdamW(
        [dict(params=matrices, weight_decay=0.1), dict(params=others, weight_decay=0.0)],
        lr=1e-2, betas=(0.9, 0.95), eps=1e-8,
    )  # fmt: skip
    losses = []
    for _ in range(20):
        adamw.zero_grad()
        step = loss_of()
        step.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adamw.step()
        losses.append(step.item())
    golden = dict(ids=ids.tolist(), logits=logits.tolist(), loss=loss.item(), adamw=losses)
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")
    print(name, sum(p.numel() for p in model.parameters()), round(loss.item(), 4), "->", round(losses[-1], 4))
