"""Makes adapters/: adapters as PEFT saves them and the logits (or scores) of transformers with them, for small bases whose
weights are the formula of variants.py. adapters.test.ts makes the same bases.

    pip install torch==2.13.0 transformers==5.18.0 peft==0.21.0 && python packages/lm/golden/adapters.py
"""
import json
import pathlib
import shutil

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

here = pathlib.Path(__file__).parent
llama = ("llama", dict(
    hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
    vocab_size=40, max_position_embeddings=32, attention_bias=True, tie_word_embeddings=False, pad_token_id=39,
))  # fmt: skip
gpt2 = ("gpt2", dict(n_embd=16, n_layer=2, n_head=2, n_positions=32, vocab_size=40, tie_word_embeddings=True))
neox = ("gpt_neox", dict(
    hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, vocab_size=40, max_position_embeddings=32,
))  # fmt: skip
linear = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
cases = {
    "plain": (llama, dict(r=2, lora_alpha=8, target_modules=["q_proj", "v_proj"])),
    "all-linear": (llama, dict(r=3, lora_alpha=5, target_modules="all-linear", init_lora_weights="gaussian")),
    "patterns-rslora": (llama, dict(
        r=4, lora_alpha=8, use_rslora=True, target_modules=linear,
        rank_pattern={"q_proj": 2, r"^model\.layers\.1\.mlp\.\w+_proj": 1}, alpha_pattern={r"layers.0.self_attn.v_proj": 3},
    )),
    "dora": (llama, dict(r=2, lora_alpha=4, use_dora=True, target_modules=linear)),
    "biases": (llama, dict(r=2, lora_alpha=4, bias="all", target_modules=["q_proj", "k_proj", "o_proj"])),
    "saved-modules": (llama, dict(r=2, lora_alpha=4, target_modules=["v_proj"], modules_to_save=["lm_head", "embed_tokens"])),
    "embedding": (llama, dict(r=2, lora_alpha=4, target_modules=["embed_tokens", "lm_head", "down_proj"])),
    "gpt2": (gpt2, dict(r=2, lora_alpha=8, target_modules=["c_attn", "mlp.c_proj"], fan_in_fan_out=True)),
    "gpt2-dora": (gpt2, dict(r=2, lora_alpha=8, use_dora=True, target_modules=["c_fc"], fan_in_fan_out=True)),
    "neox": (neox, dict(r=2, lora_alpha=8, target_modules=["query_key_value"], layers_to_transform=[1])),
    "reward": (llama, dict(r=2, lora_alpha=8, target_modules=["q_proj"], task_type="SEQ_CLS")),
}  # fmt: skip


def value(name: str, shape: torch.Size) -> torch.Tensor:
    seed = sum(map(ord, name)) % 97
    wave = torch.sin(seed + 1.37 * torch.arange(shape.numel(), dtype=torch.float64))
    one = "norm" in name or ".ln_" in name or name.startswith("ln_f")
    return (wave * (0.1 if len(shape) == 1 else 0.4) + (1 if one and name.endswith("weight") else 0)).view(shape).float()


ids = [(i * 37 + i * i * 11) % 40 for i in range(12)]
out = here / "adapters"
shutil.rmtree(out, ignore_errors=True)
expected = {}
for name, ((kind, fields), options) in cases.items():
    config = AutoConfig.for_model(kind, **fields, **(dict(num_labels=1) if name == "reward" else {}))
    Auto = AutoModelForSequenceClassification if name == "reward" else AutoModelForCausalLM
    base = Auto.from_config(config, attn_implementation="eager").float().eval()
    saved = lambda n: n.replace("lm_head", "embed_out") if kind == "gpt_neox" else n.removeprefix("transformer.")
    with torch.no_grad():
        for n, p in base.named_parameters():
            p.copy_(value(saved(n), p.shape))
    model = get_peft_model(base, LoraConfig(**{"task_type": "CAUSAL_LM", **options})).eval()
    with torch.no_grad():
        for n, p in model.named_parameters():
            if p.requires_grad:
                p.add_(value(n, p.shape) * 0.5)
        logits = model(torch.tensor([ids])).logits.reshape(-1)[-40:]
    model.save_pretrained(out / name)
    (out / name / "README.md").unlink(missing_ok=True)
    expected[name] = dict(base={"model_type": kind, **fields}, logits=[round(x, 6) for x in logits.tolist()])
    print(name, expected[name]["logits"][:3], sorted(p.name for p in (out / name).iterdir()))
(out / "expected.json").write_text(json.dumps(dict(ids=ids, models=expected)) + "\n")
