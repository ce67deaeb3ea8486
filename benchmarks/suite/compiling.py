"""torch.compile around what a case computes, where the worker was started with --compiled."""
import torch

enabled = False


def wrap(function):
    return torch.compile(function) if enabled else function


def same_streams(on):
    """Compiled code draws its own random numbers; for the comparison of results it draws the eager ones, and is compiled again after."""
    if enabled:
        torch._inductor.config.fallback_random = on
        torch._dynamo.reset()
