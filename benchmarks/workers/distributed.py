"""As distributed.mjs, with PyTorch."""
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "suite"))
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

import workloads

rank = int(sys.argv[1]) if len(sys.argv) > 1 else 0
store = sys.argv[2] if len(sys.argv) > 2 else tempfile.mktemp()
if rank == 0:
    subprocess.Popen([sys.executable, __file__, "1", store])
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
large, small = torch.ones(25_000_000), torch.ones(100)
torch.manual_seed(rank)
step = workloads.gpt(DistributedDataParallel)
cases = {
    "all-reduce": (1, lambda: dist.all_reduce(large, dist.ReduceOp.AVG)),
    "small": (50, lambda: dist.all_reduce(small, dist.ReduceOp.AVG)),
    "gpt": (2, step),
}


def measure(line):
    times, body = cases[line]
    dist.barrier()
    start = time.perf_counter()
    for _ in range(times):
        body()
    return (time.perf_counter() - start) * 1e3 / times


if rank == 0:
    for line in sys.stdin:
        dist.broadcast_object_list([line.strip()])
        print(json.dumps(measure(line.strip())), flush=True)
    dist.broadcast_object_list(["end"])
else:
    while True:
        line = [None]
        dist.broadcast_object_list(line)
        if line[0] == "end":
            break
        measure(line[0])
dist.destroy_process_group()
