"""Makes optimisers.json beside it: twenty steps of each optimiser by PyTorch on one small problem, so that the test
compares without Python. Lion is not in PyTorch; it is written here from Chen et al. 2023, algorithm 2.

    pip install torch==2.13.0 && python packages/tensor/golden/optimisers.py

The problem: loss = 10 mean((tanh(x w + b) - y)^2), w (3, 4) with decay 0.1 where there is one, b (4) without.
"""
import json
import pathlib

import torch

torch.manual_seed(1)
x, y, w0, b0 = torch.randn(5, 3), torch.randn(5, 4).tanh(), torch.randn(3, 4), torch.randn(4)


class Lion(torch.optim.Optimizer):
    def __init__(self, groups, lr, betas):
        super().__init__(groups, dict(lr=lr, betas=betas))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            (b1, b2), lr = group["betas"], group["lr"]
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                c = m * b1 + p.grad * (1 - b1)
                p.mul_(1 - lr * group["weight_decay"]).sub_(c.sign() * lr)
                m.mul_(b2).add_(p.grad * (1 - b2))


def run(make, clip, decay=0.1):
    w, b = (torch.nn.Parameter(t.clone()) for t in (w0, b0))
    optimiser = make([dict(params=[w], weight_decay=decay), dict(params=[b], weight_decay=0.0)])
    losses = []
    for _ in range(20):
        optimiser.zero_grad()
        loss = 10 * ((x @ w + b).tanh() - y).square().mean()
        loss.backward()
        if clip:
            torch.nn.utils.clip_grad_norm_([w, b], clip)
        optimiser.step()
        losses.append(loss.item())
    return dict(losses=losses, w=w.flatten().tolist(), b=b.tolist())


optim = torch.optim
out = dict(
    x=x.flatten().tolist(), y=y.flatten().tolist(), w=w0.flatten().tolist(), b=b0.tolist(),
    runs={
        "adamw": run(lambda g: optim.AdamW(g, lr=0.05, betas=(0.9, 0.95), eps=1e-8), clip=1.0),
        "sgd": run(lambda g: optim.SGD(g, lr=0.05), clip=None, decay=0.0),
        "momentum": run(lambda g: optim.SGD(g, lr=0.05, momentum=0.9), clip=1.0, decay=0.0),
        "nesterov": run(lambda g: optim.SGD(g, lr=0.05, momentum=0.9, nesterov=True), clip=1.0, decay=0.0),
        "lion": run(lambda g: Lion(g, lr=0.05, betas=(0.9, 0.99)), clip=1.0),
        "adafactor": run(lambda g: optim.Adafactor(g, lr=0.05), clip=None),
    },
)  # fmt: skip
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out) + "\n")
print({name: (r["losses"][0], r["losses"][-1]) for name, r in out["runs"].items()})
