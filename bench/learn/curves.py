"""TRL's side of bench/curves: python curves.py reward|dpo|grpo CASE... prints {"curve": [...]} for each case, a JSON file.

A case has the folder of the base, its rows in the order in which they are learned from, the rate of every step, and the optimiser. What TRL decides of
these by itself is taken from it: a sampler in sequence, our rates; nothing else is.
"""
import json
import os
import sys
import tempfile

threads = int(os.environ.get("TILLER_THREADS", os.cpu_count()))
os.environ["OMP_NUM_THREADS"] = str(threads)
os.environ["TOKENIZERS_PARALLELISM"] = "false"
import datasets  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from datasets import Dataset  # noqa: E402
from torch.utils.data import SequentialSampler  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2ForSequenceClassification  # noqa: E402
from transformers.modeling_outputs import SequenceClassifierOutput  # noqa: E402
from trl import DPOConfig, DPOTrainer, GRPOConfig, GRPOTrainer, RewardConfig, RewardTrainer  # noqa: E402

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
datasets.disable_progress_bars()
torch.set_num_threads(threads)
real_stdout = os.dup(1)
os.dup2(2, 1)  # what its libraries print is no answer
method = sys.argv[1]


class MeanPooled(GPT2ForSequenceClassification):
    """The scalar head averaged over the tokens after the prompt, as our reward models read it; `prompt` is set by the case."""

    prompt = 0

    def forward(self, input_ids, attention_mask=None, **_):
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask.clone()
        states = self.transformer(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask[:, : self.prompt] = 0
        scores = (self.score(states)[..., 0] * mask).sum(1) / mask.sum(1)
        return SequenceClassifierOutput(logits=scores[:, None])


class InOrder:
    def _get_train_sampler(self, dataset=None):
        return SequentialSampler(self.train_dataset)


class Reward(InOrder, RewardTrainer):
    pass


class Dpo(InOrder, DPOTrainer):
    pass


def pooled(folder, prompt):
    model = MeanPooled.from_pretrained(folder, num_labels=1, dtype=torch.float32)
    model.prompt = prompt
    return model


def run(case):
    rates, adamw, batch = case["rates"], case["adamw"], case["batch"]
    common = dict(
        output_dir=tempfile.mkdtemp(), max_steps=len(rates), per_device_train_batch_size=batch, max_grad_norm=1.0, report_to=[], logging_steps=1,
        save_strategy="no", use_cpu=True, bf16=False, fp16=False, gradient_checkpointing=False, dataloader_pin_memory=False,
        disable_tqdm=True, seed=case["seed"], learning_rate=1.0,
    )  # fmt: skip
    tokenizer = AutoTokenizer.from_pretrained(case["base"])
    model = pooled(case["base"], case["prompt"]) if method == "reward" else AutoModelForCausalLM.from_pretrained(case["base"], dtype=torch.float32)
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() == 1]
    groups = [dict(params=decayed, weight_decay=adamw["weightDecay"]), dict(params=others, weight_decay=0.0)]
    optimiser = torch.optim.AdamW(groups, lr=1.0, betas=(0.9, adamw["beta2"]), eps=adamw["epsilon"])
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda i: rates[min(i, len(rates) - 1)])
    asked = dict(model=model, train_dataset=Dataset.from_list(case["rows"]), processing_class=tokenizer, optimizers=(optimiser, schedule))
    if method == "reward":
        trainer = Reward(args=RewardConfig(max_length=None, **common), **asked)
    elif method == "dpo":
        trainer = Dpo(args=DPOConfig(max_length=None, beta=case["beta"], precompute_ref_log_probs=True, **common), **asked)
    else:
        judge = pooled(case["reward"], case["prompt"]).eval()

        @torch.no_grad()
        def score(prompts, completion_ids, **_):
            rows = [tokenizer(q)["input_ids"] + list(c) for q, c in zip(prompts, completion_ids)]
            length = max(map(len, rows))
            ids = torch.tensor([r + [0] * (length - len(r)) for r in rows])
            seen = torch.tensor([[1] * len(r) + [0] * (length - len(r)) for r in rows])
            scores = judge(ids, seen).logits[:, 0].tolist()
            # as ours: what ends neither by end-of-text nor by a word, which leaves the padding token, has a fixed score
            return [-1.0 if c[-1] == tokenizer.pad_token_id else s for c, s in zip(completion_ids, scores)]

        args = GRPOConfig(
            num_generations=case["group"], max_completion_length=case["response"], temperature=1.0, beta=case["beta"],
            loss_type="grpo", epsilon=0.2, shuffle_dataset=False, **common,
        )  # fmt: skip
        trainer = GRPOTrainer(args=args, reward_funcs=score, **asked)
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()
    key = "reward" if method == "grpo" else "loss"
    return [x[key] for x in trainer.state.log_history if key in x]


for file in sys.argv[2:]:
    told = dict(curve=run(json.load(open(file))))
    os.write(real_stdout, (json.dumps(told) + "\n").encode())
