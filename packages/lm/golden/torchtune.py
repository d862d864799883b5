"""The token ids that torchtune's model tests draw (BSD-3; its expected means stand in torchtune.test.ts): writes torchtune.json."""
import json, pathlib, torch

def ids(seed, vocabulary, shape):
    torch.manual_seed(seed)
    return torch.randint(0, vocabulary, shape).tolist()

out = {"llama3": ids(16, 32000, (2, 100)), "mistral": ids(16, 512, (2, 128))}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out))
