"""TRL's side of the bench: python trl_peer.py WORK BASE REWARD DATA. WORK: sft, reward, dpo, kto, grpo or rloo.

Its trainers at their best here: single precision, no checkpointing of activations, reference log-probs computed before (where it offers that),
fused AdamW and attention, no logging, evaluation or saving in the timed part. TILLER_BENCH_COMPILE=1: torch.compile as well.
Speaks the bench's protocol: "go N" -> N steps in seconds, "memory" -> the peak.
"""
import json
import os
import sys
import time

threads = int(os.environ.get("TILLER_THREADS", os.cpu_count()))
os.environ["OMP_NUM_THREADS"] = str(threads)
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
import tempfile  # noqa: E402

import datasets  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from datasets import Dataset  # noqa: E402
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, TrainerCallback  # noqa: E402

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
datasets.disable_progress_bars()
torch.set_num_threads(threads)
torch.set_flush_denormal(True)
work, base, reward, data = sys.argv[1], sys.argv[2], sys.argv[3], json.load(open(sys.argv[4]))
out = tempfile.mkdtemp()
real_stdout = os.dup(1)
os.dup2(2, 1)  # what its libraries print is no answer


def answer(x):
    os.write(real_stdout, (json.dumps(x) + "\n").encode())


common = dict(
    output_dir=out, max_steps=1_000_000, learning_rate=1e-6, lr_scheduler_type="constant", report_to=[], logging_strategy="no", eval_strategy="no",
    save_strategy="no", use_cpu=True, bf16=False, fp16=False, gradient_checkpointing=False, dataloader_pin_memory=False,
    disable_tqdm=True, optim="adamw_torch_fused", dataloader_num_workers=0, torch_compile=os.environ.get("TILLER_BENCH_COMPILE") == "1",
)  # fmt: skip
model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, attn_implementation="sdpa")
tokenizer = AutoTokenizer.from_pretrained(base)
pairs = data["pairs"]
whole = dict(per_device_train_batch_size=16, max_length=128)
episodes = dict(
    per_device_train_batch_size=64, num_generations=8, max_completion_length=32, temperature=1.0, generation_kwargs=dict(min_new_tokens=32),
)  # fmt: skip


def scorer():
    return AutoModelForSequenceClassification.from_pretrained(reward, num_labels=1, dtype=torch.float32, attn_implementation="sdpa")


def trainer():
    if work == "sft":
        from trl import SFTConfig, SFTTrainer

        rows = Dataset.from_list([dict(text=p["prompt"] + p["chosen"]) for p in pairs])
        args = SFTConfig(loss_type="nll", **whole, **common)  # its default saves memory by computing the logits twice
        return SFTTrainer(model=model, args=args, train_dataset=rows, processing_class=tokenizer)
    if work == "reward":
        from trl import RewardConfig, RewardTrainer

        rows = [dict(chosen=p["prompt"] + p["chosen"], rejected=p["prompt"] + p["rejected"]) for p in pairs]
        args = RewardConfig(**whole, **common)
        return RewardTrainer(model=scorer(), args=args, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
    if work == "dpo":
        from trl import DPOConfig, DPOTrainer

        args = DPOConfig(precompute_ref_log_probs=True, **whole, **common)
        return DPOTrainer(model=model, args=args, train_dataset=Dataset.from_list(pairs), processing_class=tokenizer)
    if work == "kto":
        from trl import KTOConfig, KTOTrainer

        rows = [dict(prompt=p["prompt"], completion=p[side], label=side == "chosen") for p in pairs for side in ("chosen", "rejected")]
        args = KTOConfig(precompute_ref_log_probs=True, **whole, **common)
        return KTOTrainer(model=model, args=args, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
    rows = Dataset.from_list([dict(prompt=q) for q in data["queries"]])
    asked = dict(model=model, train_dataset=rows, processing_class=tokenizer, reward_funcs=scorer(), reward_processing_classes=tokenizer)
    if work == "grpo":
        from trl import GRPOConfig, GRPOTrainer

        return GRPOTrainer(args=GRPOConfig(beta=0.04, **episodes, **common), **asked)
    from trl import RLOOConfig, RLOOTrainer

    return RLOOTrainer(args=RLOOConfig(beta=0.05, **episodes, **common), **asked)


class Turns(TrainerCallback):
    """Three steps to warm up, then as many as are asked for, timed from the end of one to the end of the next."""

    left, times, began = 3, None, 0.0

    def on_step_end(self, args, state, control, **_):
        now = time.perf_counter()
        self.left -= 1
        if self.times is not None:
            self.times.append(dict(seconds=now - self.began))
        if self.left == 0:
            answer(dict(ready=True) if self.times is None else dict(steps=self.times))
            for line in sys.stdin:
                if line.strip() != "memory":
                    self.left, self.times = int(line.split()[1]), []
                    break
                with open("/proc/self/status") as status:
                    peak = next(int(row.split()[1]) for row in status if row.startswith("VmHWM"))
                answer(dict(peakMB=peak / 1024))
            else:
                os._exit(0)
        self.began = time.perf_counter()


made = trainer()
made.add_callback(Turns())
made.train()
