"""Makes variants.json: logits and greedy tokens of transformers for small models of odd options. Weights are a formula of
the parameter's name and place, so that none are stored; variants.test.ts makes the same.

    pip install torch==2.13.0 transformers==5.18.0 && python packages/lm/golden/variants.py
"""
import copy
import json
import pathlib

import torch
from transformers import AutoConfig, AutoModelForCausalLM

gpt2 = dict(n_embd=16, n_layer=2, n_head=2, n_positions=32, vocab_size=40)
neox = dict(
    hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=2, vocab_size=40,
    max_position_embeddings=32,
)  # fmt: skip
llama = dict(
    hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
    vocab_size=40, max_position_embeddings=32,
)  # fmt: skip
llama3 = dict(
    rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16,
)  # fmt: skip
same = dict(
    rope_type="longrope", short_factor=[1.0, 1.5, 2.0, 4.0], long_factor=[1.0, 1.5, 2.0, 4.0], factor=4.0,
    attention_factor=1.0, original_max_position_embeddings=16,
)  # fmt: skip
yarn = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16)
two = dict(
    rope_type="longrope", short_factor=[1.0, 1.1, 1.2, 1.3], long_factor=[1.5, 2.0, 3.0, 4.0],
    original_max_position_embeddings=24,
)  # fmt: skip
mixed = dict(use_sliding_window=True, sliding_window=5)
variants = {
    "no scale": ("gpt2", {**gpt2, "scale_attn_weights": False}),
    "scale by layer": ("gpt2", {**gpt2, "scale_attn_by_inverse_layer_idx": True, "reorder_and_upcast_attn": True}),
    "heads of 12": ("gpt2", {**gpt2, "n_embd": 24}),
    "heads of 5, scaled by layer": ("gpt2", {**gpt2, "n_embd": 10, "scale_attn_by_inverse_layer_idx": True}),
    "untied, inner 20, relu": ("gpt2", {**gpt2, "tie_word_embeddings": False, "n_inner": 20, "activation_function": "relu"}),
    "odd rotary": ("gpt_neox", {**neox, "rotary_pct": 0.45}),
    "odd rotary, heads of 20": ("gpt_neox", {**neox, "hidden_size": 40, "rotary_pct": 0.15}),
    "rotary of all": ("gpt_neox", {**neox, "rotary_pct": 1.0, "rotary_emb_base": 500}),
    "no biases": ("gpt_neox", {**neox, "attention_bias": False, "hidden_act": "gelu_new"}),
    "linear, tied": ("gpt_neox", {**neox, "rope_scaling": {"rope_type": "linear", "factor": 4.0}, "tie_word_embeddings": True}),
    "linear": ("llama", {**llama, "rope_scaling": {"type": "linear", "factor": 4.0}}),
    "llama3": ("llama", {**llama, "rope_scaling": llama3, "rope_theta": 100.0}),
    "longrope, one table": ("llama", {**llama, "rope_scaling": same}),
    "yarn": ("llama", {**llama, "rope_scaling": yarn, "rope_theta": 100.0}),
    "yarn by its old name": ("qwen2", {**llama, "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}}),
    "yarn, betas, no whole borders": ("qwen3", {**llama, "rope_scaling": {**yarn, "beta_fast": 4.0, "beta_slow": 0.5, "truncate": False}, "rope_theta": 50.0}),
    "yarn, mscale": ("mistral", {**llama, "sliding_window": None, "rope_scaling": {**yarn, "mscale": 2.0, "mscale_all_dim": 0.5}}),
    "yarn, attention factor, factor by the lengths": ("llama", {**llama, "rope_scaling": {**yarn, "factor": None, "attention_factor": 1.3}}),
    "yarn, partial": ("gpt_neox", {**neox, "rotary_pct": 0.5, "rope_scaling": yarn}),
    "longrope, short": ("llama", {**llama, "rope_scaling": two}),
    "longrope, long": ("llama", {**llama, "rope_scaling": {**two, "original_max_position_embeddings": 16, "factor": 4.0}}),
    "longrope, attention factor": ("qwen3", {**llama, "rope_scaling": {**two, "attention_factor": 1.2}}),
    "dynamic within its positions": ("llama", {**llama, "rope_scaling": {"rope_type": "dynamic", "factor": 4.0}}),
    "llama3 without its context": ("llama", {**llama, "rope_scaling": {k: v for k, v in llama3.items() if not k.startswith("original")}}),
    "biases": ("llama", {**llama, "attention_bias": True, "mlp_bias": True}),
    "heads of 12, one for all": ("llama", {**llama, "head_dim": 12, "num_key_value_heads": 1}),
    "heads of 6, gelu": ("llama", {**llama, "head_dim": 6, "hidden_act": "gelu", "pretraining_tp": 2}),
    "mistral's own key-value heads": ("mistral", {k: v for k, v in {**llama, "num_attention_heads": 8}.items() if k != "num_key_value_heads"}),
    "window, heads of 12": ("mistral", {**llama, "head_dim": 12, "sliding_window": 5}),
    "no window": ("mistral", {**llama, "sliding_window": None}),
    "windows everywhere": ("qwen2", {**llama, "use_sliding_window": True, "sliding_window": 5, "max_window_layers": 0}),
    "windows nowhere": ("qwen2", {**llama, "use_sliding_window": True, "sliding_window": 5, "max_window_layers": 2}),
    "qwen3 windows by name": ("qwen3", {**llama, "use_sliding_window": True, "sliding_window": 5, "layer_types": ["sliding_attention"] * 2}),
    "windows from layer 1 on": ("qwen2", {**llama, **mixed, "max_window_layers": 1}),
    "windows by name, in turn": ("qwen3", {**llama, **mixed, "num_hidden_layers": 3, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}),
    "windows in turn, heads of 12": ("qwen2", {**llama, **mixed, "head_dim": 12, "layer_types": ["full_attention", "sliding_attention"]}),
    "windows named, switched off": ("qwen2", {**llama, "use_sliding_window": False, "sliding_window": 5, "max_window_layers": 0}),
    "qwen3 biases": ("qwen3", {**llama, "attention_bias": True}),
}  # fmt: skip


def value(name: str, shape: torch.Size) -> torch.Tensor:
    seed = sum(map(ord, name)) % 97
    wave = torch.sin(seed + 1.37 * torch.arange(shape.numel(), dtype=torch.float64))
    one = "norm" in name or ".ln_" in name or name.startswith("ln_f")
    return (wave * (0.1 if len(shape) == 1 else 0.4) + (1 if one and name.endswith("weight") else 0)).view(shape).float()


ids = [(i * 37 + i * i * 11) % 40 for i in range(20)]
out = {}
for name, (kind, fields) in variants.items():
    config = AutoConfig.for_model(kind, **copy.deepcopy(fields))  # it writes into the tables it is given
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    saved = lambda n: n.replace("lm_head", "embed_out") if kind == "gpt_neox" else n.removeprefix("transformer.")
    with torch.no_grad():
        for n, p in model.named_parameters():
            p.copy_(value(saved(n), p.shape))
        logits = model(torch.tensor([ids])).logits[0, -2:]
        seq = list(ids[:8])
        for _ in range(6):
            seq.append(int(model(torch.tensor([seq]), use_cache=False).logits[0, -1].argmax()))
    # as given, and as transformers writes it
    out[name] = dict(
        configs=[{"model_type": kind, **fields}, {**config.to_dict(), "architectures": None}],
        logits=[[round(x, 6) for x in row] for row in logits.tolist()], greedy=seq[8:],
    )  # fmt: skip
    print(name, out[name]["greedy"])
here = pathlib.Path(__file__).parent
(here / "variants.json").write_text(json.dumps(dict(ids=ids, models=out)) + "\n")
