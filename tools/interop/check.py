"""The Python side of `npm run interop`: reads what Flambeau wrote, bit for bit, and writes the same for Flambeau.

usage: python check.py FOLDER, in which ours.json says what each file must hold. Prints what differs, and leaves
theirs.json.
"""

import json
import sys
from pathlib import Path

import numpy as np
import safetensors.numpy
import safetensors.torch
import scipy.sparse
import torch
from safetensors import safe_open

folder = Path(sys.argv[1])
expected = json.loads((folder / "ours.json").read_text())
problems = []


def facts(t):
    if isinstance(t, np.ndarray):
        dtype = {"bool": "bool"}.get(t.dtype.name, t.dtype.name)
        return {"dtype": dtype, "shape": list(t.shape), "hex": np.ascontiguousarray(t).tobytes().hex()}
    flat = t.detach().contiguous().reshape(-1)
    data = flat.view(torch.uint8).numpy().tobytes().hex() if t.numel() else ""
    return {"dtype": str(t.dtype).removeprefix("torch."), "shape": list(t.shape), "hex": data}


def compare(file, tensors):
    wanted = expected[file]
    if set(tensors) != set(wanted):
        problems.append(f"{file}: has {sorted(tensors)}, expected {sorted(wanted)}")
    for name in set(tensors) & set(wanted):
        got = facts(tensors[name])
        if got != wanted[name]:
            problems.append(f"{file}: {name} is {got}, expected {wanted[name]}")


def sharded(index):
    map_ = json.loads((folder / index).read_text())["weight_map"]
    result = {}
    for name, file in map_.items():
        with safe_open(folder / file, framework="pt") as f:
            result[name] = f.get_tensor(name)
    return result


def torch_load(path):
    return torch.load(path, weights_only=True)


for file in expected:
    path = folder / file
    if file.endswith(".index.json"):
        compare(file, sharded(file))
    elif file.endswith(".safetensors"):
        compare(file, safetensors.torch.load_file(path))
    elif file.endswith(".npz"):
        with np.load(path) as archive:
            compare(file, dict(archive))
    elif file.endswith(".npy"):
        compare(file, {"array": np.load(path)})
    elif file.endswith("checkpoint.pt"):
        saved = torch_load(path)
        model = torch.nn.Linear(3, 2)
        model.load_state_dict(saved["model"])
        optimizer = torch.optim.AdamW(model.parameters())
        optimizer.load_state_dict(saved["optimizer"])
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)
        schedule.load_state_dict(saved["scheduler"])
        torch.set_rng_state(saved["rng_state"])
        compare(file, {**saved["model"], "drawn": torch.randn(4), "step": optimizer.state_dict()["state"][0]["step"]})
        if saved["epoch"] != 3 or schedule.last_epoch != 2:
            problems.append(f"{file}: epoch {saved['epoch']}, schedule at {schedule.last_epoch}")
    else:
        compare(file, torch_load(path))
shared = torch_load(folder / "all.pt")
if shared["base"].untyped_storage().data_ptr() != shared["row"].untyped_storage().data_ptr():
    problems.append("all.pt: what shared its memory does not any more")

# The other direction. A generator of bits: NaNs of every kind, and numbers of every size.
random = np.random.default_rng(0)
TORCH = "float32 float64 float16 bfloat16 int8 uint8 int16 int32 int64 bool complex64 complex128".split()


def bits(dtype, shape):
    count = int(np.prod(shape, dtype=np.int64))
    if dtype == torch.bool:
        return torch.from_numpy(random.integers(0, 2, shape).astype(np.bool_))
    raw = torch.from_numpy(random.integers(0, 256, count * dtype.itemsize, dtype=np.uint8))
    return raw.view(dtype).reshape(shape) if count else torch.zeros(shape, dtype=dtype)


tensors = {}
for name in TORCH:
    dtype = getattr(torch, name)
    tensors[name] = bits(dtype, (2, 3))
    tensors[f"{name} scalar"] = bits(dtype, ())
    tensors[f"{name} empty"] = bits(dtype, (2, 0, 3))
    tensors[f"{name} turned"] = bits(dtype, (3, 4)).T
base = bits(torch.float32, (3, 5))
tensors["base"], tensors["row"], tensors["step"] = base, base[1], base[:, ::2]
theirs = {}


def wrote(file, contents):
    theirs[file] = {name: facts(t) for name, t in contents.items()}


plain = {name: t.contiguous().clone() for name, t in tensors.items() if t.dtype != torch.complex128}
safetensors.torch.save_file(plain, folder / "theirs.safetensors", metadata={"format": "pt"})
wrote("theirs.safetensors", plain)
arrays = {name: t.numpy() for name, t in tensors.items() if t.dtype != torch.bfloat16}
simple = {n: np.ascontiguousarray(a) for n, a in arrays.items() if a.dtype != np.complex128 and a.ndim > 0}
safetensors.numpy.save_file(simple, folder / "theirs-numpy.safetensors")
wrote("theirs-numpy.safetensors", simple)
np.savez(folder / "theirs.npz", **arrays)
np.savez_compressed(folder / "theirs-deflated.npz", **arrays)
wrote("theirs.npz", arrays)
wrote("theirs-deflated.npz", arrays)
for i, (name, a) in enumerate(arrays.items()):
    for version in ((1, 0), (2, 0), (3, 0)):
        file = f"theirs-{i}-{version[0]}.npy"
        with open(folder / file, "wb") as f:
            np.lib.format.write_array(f, a, version=version)
        wrote(file, {"array": a})
    big = a.astype(a.dtype.newbyteorder(">"))
    np.save(folder / f"theirs-{i}-big.npy", big)
    wrote(f"theirs-{i}-big.npy", {"array": big.astype(a.dtype)})
torch.save(tensors, folder / "theirs.pt")
torch.save(tensors, folder / "theirs-legacy.pt", _use_new_zipfile_serialization=False)
wrote("theirs.pt", tensors)
wrote("theirs-legacy.pt", tensors)
for kind in ("csr", "csc", "coo", "bsr", "dia"):
    matrix = scipy.sparse.random(6, 8, 0.3, format=kind, random_state=1)
    scipy.sparse.save_npz(folder / f"theirs-{kind}.sparse.npz", matrix)
    wrote(f"theirs-{kind}.sparse.npz", {"array": matrix.toarray()})

(folder / "theirs.json").write_text(json.dumps(theirs))
print(json.dumps(problems))
