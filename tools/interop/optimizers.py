"""The other side of tools/interop/optimizers.mjs: PyTorch's optimizers begin runs, and go on from Flambeau's state dicts."""

import os
import sys

import torch
from torch import optim

STEPS = 3
ROWS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.1, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "weight_decay": 0.1, "lr": 0.01, "betas": (0.8, 0.99), "maximize": True}),
    ("Adam", {"decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("AdamW", {}),
    ("AdamW", {"amsgrad": True, "lr": 1}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True, "momentum": 0.5, "weight_decay": 0.1}),
    ("Adagrad", {}),
    ("Adagrad", {"lr_decay": 0.1, "initial_accumulator_value": 0.5, "weight_decay": 0.1, "maximize": True}),
    ("Adadelta", {}),
    ("Adadelta", {"weight_decay": 0.1, "rho": 0.8}),
    ("Adamax", {}),
    ("Adamax", {"weight_decay": 0.1}),
    ("NAdam", {}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True, "momentum_decay": 0.01}),
    ("RAdam", {}),
    ("RAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("ASGD", {}),
    ("ASGD", {"weight_decay": 0.1, "t0": 2.0}),
    ("Rprop", {}),
    ("Rprop", {"etas": (0.4, 1.3), "step_sizes": (1e-5, 10)}),
    ("Adafactor", {}),
    ("Adafactor", {"weight_decay": 0.1, "lr": 0.1, "eps": (1e-20, 1e-2), "d": 1.5}),
    ("Muon", {}),
    ("Muon", {"momentum": 0.8, "nesterov": False, "weight_decay": 0.2, "adjust_lr_fn": "match_rms_adamw"}),
    ("LBFGS", {"lr": 0.5, "max_iter": 3}),
    ("LBFGS", {"line_search_fn": "strong_wolfe", "max_iter": 4, "history_size": 3}),
    ("SparseAdam", {}),
    ("SparseAdam", {"lr": 0.1, "betas": (0.5, 0.9), "maximize": True}),
]
DTYPES = {"float64": torch.float64, "float32": torch.float32}


def step(name, optimizer, params, grads):
    if name == "LBFGS":

        def closure():
            optimizer.zero_grad()
            loss = sum(((p - g) ** 4 + (p - g) ** 2).sum() for p, g in zip(params, grads))
            loss.backward()
            return loss

        optimizer.step(closure)
        return
    for p, g in zip(params, grads):
        # A sparse gradient comes as the gradients of rows 2, 0, 2 of its table.
        p.grad = torch.sparse_coo_tensor([[2, 0, 2]], g, p.shape) if name == "SparseAdam" else g.clone()
    optimizer.step()


def cloned(params):
    return [p.detach().clone() for p in params]


def begin(folder):
    number = 0
    for name, options in ROWS:
        for dtype in DTYPES.values():
            torch.manual_seed(number)
            shapes = [[3, 2], [4, 3]] if name in ("Muon", "SparseAdam") else [[3, 2], [4]]
            params = [torch.nn.Parameter(torch.randn(shape, dtype=dtype)) for shape in shapes]
            given = [[3, *shape[1:]] for shape in shapes] if name == "SparseAdam" else shapes
            grads = [[torch.randn(shape, dtype=dtype) for shape in given] for _ in range(2 * STEPS)]
            row = {"name": name, "options": options, "start": cloned(params), "grads": grads}
            # A line search makes much of the last digit.
            row["tolerance"] = 1e-12 if dtype == torch.float64 else 1e-4 if name == "LBFGS" else 1e-5
            optimizer = getattr(optim, name)(params, **options)
            for i in range(STEPS):
                step(name, optimizer, params, grads[i])
            row["params"] = cloned(params)
            torch.save(optimizer.state_dict(), os.path.join(folder, f"{number}.state.pt"))
            for i in range(STEPS, 2 * STEPS):
                step(name, optimizer, params, grads[i])
            row["end"] = cloned(params)
            torch.save(row, os.path.join(folder, f"{number}.pt"))
            number += 1
    print(number)


def form_of(value):
    """What a state is made of, without its numbers; "al" of LBFGS is only room to compute in."""
    if isinstance(value, dict):
        return {key: form_of(item) for key, item in value.items() if key != "al"}
    if isinstance(value, (list, tuple)):
        return [form_of(item) for item in value]
    if isinstance(value, torch.Tensor):
        return [str(value.dtype), list(value.shape)]
    return "number" if isinstance(value, (int, float)) else value


def options_of(group):
    """Files of Flambeau have lists where PyTorch has tuples, and optimizers take either."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in sorted(group.items())}


def go_on(folder, count):
    """Each optimizer is made with its defaults: all else comes from a state dict, PyTorch's own or Flambeau's."""
    problems = 0
    for number in range(count):
        row = torch.load(os.path.join(folder, f"{number}.pt"))
        theirs = torch.load(os.path.join(folder, f"{number}.state.pt"))
        ours = torch.load(os.path.join(folder, f"{number}.ours.pt"))
        name, tolerance = row["name"], row["tolerance"]
        ends, forms = [], []
        for start, state in (row["params"], theirs), (ours["params"], ours["state"]):
            params = [torch.nn.Parameter(p) for p in start]
            optimizer = getattr(optim, name)(params)
            optimizer.load_state_dict(state)
            loaded = optimizer.state_dict()
            forms.append((form_of(loaded["state"]), [options_of(group) for group in loaded["param_groups"]]))
            for i in range(STEPS, 2 * STEPS):
                step(name, optimizer, params, row["grads"][i])
            ends.append(cloned(params))
        wrong = forms[0] != forms[1]
        if wrong:
            print(f"{number} ({name} {row['options']}): expected a state dict\n  {forms[0]}, got\n  {forms[1]}", file=sys.stderr)
        for end, p in zip(*ends):
            error = ((p - end).abs() / (1 + end.abs())).max().item()
            if not error <= tolerance:
                print(f"{number} ({name} {row['options']}): off by {error} after PyTorch went on", file=sys.stderr)
                wrong = True
        problems += wrong
    print(problems)


if sys.argv[1] == "begin":
    begin(sys.argv[2])
else:
    go_on(sys.argv[2], int(sys.argv[3]))
