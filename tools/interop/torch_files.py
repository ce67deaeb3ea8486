"""The other side of tools/interop/torch-files.mjs: writes files for Flambeau to read, and reads Flambeau's."""

import json
import random
import sys

import torch

DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "int8": torch.int8,
    "uint8": torch.uint8,
    "int16": torch.int16,
    "int32": torch.int32,
    "int64": torch.int64,
    "bool": torch.bool,
    "complex32": torch.complex32,
    "complex64": torch.complex64,
    "complex128": torch.complex128,
}


def bits(tensor):
    flat = tensor.detach().resolve_conj().resolve_neg().clone(memory_format=torch.contiguous_format).reshape(-1)
    return bytes(flat.view(torch.uint8).tolist()).hex() if flat.numel() else ""


def described(value, path, rows, storages):
    """Every leaf of a value, as the other side describes it: [path, kind, ...]."""
    if isinstance(value, torch.Tensor):
        kind = "parameter" if isinstance(value, torch.nn.Parameter) else "tensor"
        name = str(value.dtype).removeprefix("torch.")
        # PyTorch makes a new storage for each tensor without elements.
        storage = value.untyped_storage()
        shared = storages.setdefault(storage._cdata, len(storages)) if storage.nbytes() > 0 else -1
        rows.append(
            [path, kind, name, list(value.shape), list(value.stride()), value.storage_offset(), shared]
            + [value.requires_grad, bits(value)]
        )
    elif isinstance(value, dict):
        for key, item in value.items():
            described(item, f"{path}.{key}", rows, storages)
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            described(item, f"{path}[{i}]", rows, storages)
    else:
        rows.append([path, "value", repr(value) if isinstance(value, float) and value != value else value])
    return rows


def tensor_of(r, dtype):
    shape = [r.choice([0, 1, 2, 3, 5]) if r.random() < 0.2 else r.randint(1, 4) for _ in range(r.randint(0, 4))]
    size = torch.empty(0, dtype=dtype).element_size()
    count = 1
    for n in shape:
        count *= n
    if dtype == torch.bool:
        return torch.tensor([r.random() < 0.5 for _ in range(count)]).reshape(shape)
    # Any bits at all: not-a-numbers keep theirs.
    return torch.frombuffer(bytearray(r.randbytes(count * size) or b"\0" * size), dtype=dtype)[:count].clone().reshape(shape)


def view_of(r, tensor):
    choice = r.randrange(5)
    if tensor.ndim == 0 or tensor.numel() == 0:
        return tensor.detach()
    if choice == 0 and tensor.ndim > 1:
        return tensor.transpose(0, -1)
    if choice == 1:
        return tensor[r.randrange(tensor.shape[0])]
    if choice == 2:
        return tensor[:: r.randint(1, 3)]
    if choice == 3:
        return tensor.unsqueeze(0).expand(3, *tensor.shape)
    return tensor.flatten()[1:]


def value_of(r, depth, pool):
    choice = r.random()
    if depth > 0 and choice < 0.25:
        return {f"k{i}": value_of(r, depth - 1, pool) for i in range(r.randint(0, 4))}
    if depth > 0 and choice < 0.4:
        return [value_of(r, depth - 1, pool) for _ in range(r.randint(0, 4))]
    if choice < 0.55:
        return r.choice([None, True, False, 0, -1, 2**31, -(2**40), 0.5, 1e300, "", "text", "ä€\U0001f600"])
    if pool and choice < 0.75:
        return view_of(r, r.choice(pool))
    made = tensor_of(r, r.choice(list(DTYPES.values())))
    pool.append(made)
    if choice < 0.8 and made.dtype.is_floating_point:
        return torch.nn.Parameter(made, requires_grad=r.random() < 0.7)
    return made


def write(folder, count, seed):
    for number in range(count):
        r = random.Random(seed * 1_000_003 + number)
        value = {"root": value_of(r, 4, []), "more": [value_of(r, 3, [])]}
        options = {"_use_new_zipfile_serialization": number % 3 != 0, "pickle_protocol": r.choice([2, 3, 4, 5])}
        torch.save(value, f"{folder}/{number}.pt", **options)
        with open(f"{folder}/{number}.json", "w") as out:
            json.dump(described(value, "", [], {}), out)


def read(folder, count):
    problems = 0
    for number in range(count):
        for options in ({"weights_only": True}, {"weights_only": True, "mmap": True}):
            rows = described(torch.load(f"{folder}/{number}.pt", **options), "", [], {})
            with open(f"{folder}/{number}.json") as expected:
                if rows != json.load(expected):
                    print(f"file {number} {options}: {rows}", file=sys.stderr)
                    problems += 1
    print(problems)


command, folder, count, *rest = sys.argv[1:]
if command == "write":
    write(folder, int(count), int(rest[0]))
else:
    read(folder, int(count))
