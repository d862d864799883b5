"""PPO by hand in PyTorch, as fast as we can write it: bare functions, own cache, no library above torch.

argv: the folder of the base, of the reward model, and as JSON {epochs, critic: "shared" | "separate", data, response, compile}.
Speaks the bench's protocol: "go N" -> N iterations and their stages in seconds, "memory" -> the peak.
Sampling without gradients into a cache written in place; the softmax is drawn from by its cumulative sum; log-probs and the shared trunk's values
are kept as they were drawn; reference, reward and separate critic read all rows in one forward each, logits only where a response
token is predicted; fused attention and AdamW. What reads whole texts runs eagerly or compiled, whichever the warm-up finds quicker.
"""
import json
import os
import sys
import time

threads = int(os.environ.get("TILLER_THREADS", os.cpu_count()))
os.environ["OMP_NUM_THREADS"] = str(threads)
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

torch.set_num_threads(threads)
torch.set_flush_denormal(True)
torch.manual_seed(1)
case = json.loads(sys.argv[3])
config = json.load(open(f"{sys.argv[1]}/config.json"))
LAYERS, HEADS, WIDTH = config["n_layer"], config["n_head"], config["n_embd"]
D = WIDTH // HEADS
compiled = case.get("compile", True)


def load(folder, learns=False):
    tensors = {k.removeprefix("transformer."): v.float() for k, v in load_file(f"{folder}/model.safetensors").items()}
    if "score.weight" not in tensors:
        tensors["score.weight"] = torch.zeros(1, WIDTH)
    tensors["score.bias"] = tensors.get("score.bias", torch.zeros(1))
    return {k: v.clone().requires_grad_(learns) for k, v in tensors.items()}


def norm(p, name, x):
    return F.layer_norm(x, (WIDTH,), p[name + ".weight"], p[name + ".bias"], 1e-5)


def linear(p, name, x):
    return torch.addmm(p[name + ".bias"], x, p[name + ".weight"])


def blocks(p, x, attend, rows=None):
    """(N, d) -> (N, d), or those of `rows`, which are all that the last block goes on with; attend(layer, qkv (N, 3 d)) -> (N, d)"""
    for l in range(LAYERS):
        at = f"h.{l}."
        mixed = attend(l, linear(p, at + "attn.c_attn", norm(p, at + "ln_1", x)))
        if rows is not None and l == LAYERS - 1:
            x, mixed = x[rows], mixed[rows]
        x = x + linear(p, at + "attn.c_proj", mixed)
        x = x + linear(p, at + "mlp.c_proj", F.gelu(linear(p, at + "mlp.c_fc", norm(p, at + "ln_2", x))))
    return x


def embed(p, ids, positions):
    return (F.embedding(ids, p["wte.weight"]) + p["wpe.weight"][positions]).reshape(-1, WIDTH)


def hidden(p, ids, rows):
    """ids (B, T) -> normed states at `rows` of (B T)"""
    B, T = ids.shape

    def attend(l, qkv):
        q, k, v = qkv.view(B, T, 3, HEADS, D).permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B * T, WIDTH)

    return norm(p, "ln_f", blocks(p, embed(p, ids, torch.arange(T)), attend, rows))


def logprobs_of(p, states, labels):
    return -F.cross_entropy(states @ p["wte.weight"].T, labels, reduction="none")


def score(p, states):
    return (states * p["score.weight"]).sum(1) + p["score.bias"]


prompts = torch.tensor(json.load(open(case["data"]))["queryIds"])
B, Q = prompts.shape
R, EPOCHS = case["response"], case["epochs"]
T = Q + R
separate = case["critic"] == "separate"
policy = load(sys.argv[1], learns=True)
policy["score.weight"].data.zero_()
critic = load(sys.argv[2], learns=True) if separate else None
reference, reward = load(sys.argv[1]), load(sys.argv[2])
predicts = (torch.arange(B)[:, None] * T + torch.arange(Q - 1, T - 1)).flatten()
last = torch.arange(B) * T + T - 1
learning = [v for k, v in policy.items() if not (separate and k.startswith("score"))] + list((critic or {}).values())
adamw = torch.optim.AdamW(learning, lr=1e-6, eps=1e-5, weight_decay=0.0, fused=True)
keys, values = torch.empty(2, LAYERS, B, HEADS, T, D)


@torch.no_grad()
def sample():
    """-> ids (B, T), log-probs (B, R), values (B, R) by the policy's own head"""
    ids = torch.empty(B, T, dtype=torch.long)
    ids[:, :Q] = prompts
    logprobs, drawn_values = torch.empty(B, R), torch.empty(B, R)

    def prefill(l, qkv):
        q, k, v = qkv.view(B, Q, 3, HEADS, D).permute(2, 0, 3, 1, 4)
        keys[l, :, :, :Q], values[l, :, :, :Q] = k, v
        return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B * Q, WIDTH)

    at = torch.arange(B) * Q + Q - 1
    x = norm(policy, "ln_f", blocks(policy, embed(policy, prompts, torch.arange(Q)), prefill, at))
    head = policy["wte.weight"].T.contiguous()
    for t in range(R):
        z = x @ head
        z -= z.amax(-1, keepdim=True)
        cumulative = z.exp().cumsum(-1)
        total = cumulative[:, -1:]
        token = torch.searchsorted(cumulative, torch.rand(B, 1) * total).clamp(max=z.shape[1] - 1)
        ids[:, Q + t : Q + t + 1] = token
        logprobs[:, t : t + 1] = z.gather(1, token) - total.log()
        if not separate:
            drawn_values[:, t] = score(policy, x)
        if t == R - 1:
            break
        end = Q + t + 1

        def decode(l, qkv):
            q, k, v = qkv.view(B, 3, HEADS, 1, D).unbind(1)
            keys[l, :, :, end - 1 : end], values[l, :, :, end - 1 : end] = k, v
            return F.scaled_dot_product_attention(q, keys[l, :, :, :end], values[l, :, :, :end]).view(B, WIDTH)

        x = norm(policy, "ln_f", blocks(policy, embed(policy, token, end - 1), decode))
    return ids, logprobs, drawn_values


def loss_of(p, v, ids, old_logprobs, old_values, advantages, returns):
    states = hidden(p, ids, predicts)
    logprobs = logprobs_of(p, states, ids[:, Q:].flatten())
    value = score(v, hidden(v, ids, predicts)) if separate else score(p, states)
    ratio = torch.exp(logprobs - old_logprobs)
    gain = torch.minimum(ratio * advantages, ratio.clamp(0.8, 1.2) * advantages).mean()
    near = old_values + (value - old_values).clamp(-0.2, 0.2)
    error = torch.maximum((value - returns).square(), (near - returns).square()).mean()
    return 0.1 * 0.5 * error - gain


@torch.no_grad()
def read_reference(p, ids):
    return logprobs_of(p, hidden(p, ids, predicts), ids[:, Q:].flatten()).view(B, R)


@torch.no_grad()
def read_scores(p, ids, rows):
    return score(p, hidden(p, ids, rows))


def iteration(scoring, loss_of):
    read_reference, read_scores = scoring
    began = time.perf_counter()
    ids, old_logprobs, old_values = sample()
    sampled = time.perf_counter()
    ref_logprobs = read_reference(reference, ids)
    scores = read_scores(reward, ids, last)
    if separate:
        old_values = read_scores(critic, ids, predicts).view(B, R).clone()
    scored = time.perf_counter()
    rewards = -0.1 * (old_logprobs - ref_logprobs)
    rewards[:, -1] += scores
    advantages, carried = torch.empty(B, R), torch.zeros(B)
    for t in reversed(range(R)):
        after = old_values[:, t + 1] if t + 1 < R else 0.0
        carried = rewards[:, t] + after - old_values[:, t] + 0.95 * carried
        advantages[:, t] = carried
    returns = advantages + old_values
    whitened = (advantages - advantages.mean()) * torch.rsqrt(advantages.var(correction=0) + 1e-8)
    flat = [x.flatten() for x in (old_logprobs, old_values, whitened, returns)]
    for _ in range(EPOCHS):
        loss_of(policy, critic, ids, *flat).backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0, foreach=True)
        adamw.step()
        adamw.zero_grad()
    updated = time.perf_counter()
    return dict(seconds=updated - began, sampling=sampled - began, scoring=scored - sampled, update=updated - scored)


eager = ((read_reference, read_scores), loss_of)
ways = [eager]
if compiled:
    ways.append(((torch.compile(read_reference), torch.compile(read_scores)), torch.compile(loss_of)))
tried = [[iteration(*way) for _ in range(4)][1:] for way in ways]  # the first of each compiles
least = {stage: [min(step[stage] for step in steps) for steps in tried] for stage in ("scoring", "update")}
pick = {stage: times.index(min(times)) for stage, times in least.items()}
scoring, update = ways[pick["scoring"]][0], ways[pick["update"]][1]
print(json.dumps(dict(ready=True, how={stage: ("eager", "compiled")[i] for stage, i in pick.items()})), flush=True)
for line in sys.stdin:
    if line.strip() == "memory":
        with open("/proc/self/status") as status:
            peak = next(int(row.split()[1]) for row in status if row.startswith("VmHWM"))
        print(json.dumps(dict(peakMB=peak / 1024)), flush=True)
    else:
        print(json.dumps(dict(steps=[iteration(scoring, update) for _ in range(int(line.split()[1]))])), flush=True)
