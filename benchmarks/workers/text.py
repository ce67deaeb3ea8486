"""Generation by a GPT-2 of the small one's size: milliseconds a token, the reading of the prompt left out."""
import json
import sys
import time

import torch
from transformers import GPT2Config, GPT2LMHeadModel

threads = int(sys.argv[1])
if threads > 0:
    torch.set_num_threads(threads)
torch.manual_seed(0)
model = GPT2LMHeadModel(GPT2Config()).eval()


def generate(ids, count):
    start = time.perf_counter()
    model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, do_sample=False, eos_token_id=None, pad_token_id=0)
    return (time.perf_counter() - start) * 1e3


for line in sys.stdin:
    case = json.loads(line)
    ids = torch.tensor([[100 + (i * 37) % 40000 for i in range(case["prompt"])]] * case["batch"])
    first = generate(ids, 1)
    print((generate(ids, case["tokens"] + 1) - first) / case["tokens"], flush=True)
