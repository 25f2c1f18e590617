"""Devices, threads and seeds."""

import threading
from contextlib import contextmanager

import numpy as np
import torch
from sklearn.utils import check_random_state

from ..nets import Dropout

_BUILD_LOCK = threading.Lock()


def resolve_device(device, owner):
    """Turn the parameter `device` into a torch device that is there.

    Parameters
    ----------
    device : str
        "auto", or what torch calls a device, such as "cpu" or "cuda:0".
    owner : str
        Who asks, named in the error.

    Returns
    -------
    torch.device
        The device; "auto" is the GPU where there is one, else the processor.

    Raises
    ------
    ValueError
        If there is no such device.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"The 'device' parameter of {owner} must be 'auto' or a device of torch such as 'cpu' "
            f"or 'cuda:0'. Got {device!r} instead."
        ) from error
    if resolved.type == "cuda":
        found = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (resolved.index or 0) >= found:
            raise ValueError(
                f"The 'device' parameter of {owner} is {device!r}, but torch finds {found} CUDA "
                f"devices here. Set device='auto' or 'cpu', or install a torch with CUDA."
            )
    return resolved


@contextmanager
def thread_count(n_threads):
    """Let torch use a number of threads, and restore what was set before.

    Parameters
    ----------
    n_threads : int or None
        Number of threads; None changes nothing.

    Yields
    ------
    None
        Nothing.
    """
    before = torch.get_num_threads()
    if n_threads is not None:
        torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        if n_threads is not None:
            torch.set_num_threads(before)


@contextmanager
def own_generator(device):
    """Leave the global state of torch's random numbers as it was.

    Parameters
    ----------
    device : torch.device
        The device that is used.

    Yields
    ------
    None
        Nothing.
    """
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        yield


def draw_seed(random_state):
    """Seed from the parameter `random_state`.

    Parameters
    ----------
    random_state : None, int or numpy.random.RandomState
        None draws from the system, and leaves NumPy's global state alone.

    Returns
    -------
    int
        A seed.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def derive_seed(seed, *numbers):
    """Seed of a part of a run.

    Parameters
    ----------
    seed : int
        Seed of the run.
    *numbers : int
        What the part is: its kind, epoch, layer.

    Returns
    -------
    int
        A seed that depends on all of them.
    """
    return int(np.random.SeedSequence([seed, *numbers]).generate_state(1, np.uint64)[0] >> 1)


def build_module(net, map_shape, n_outputs, seed):
    """Build a module with weights drawn from a seed.

    Parameters
    ----------
    net : Net or callable
        What builds it.
    map_shape : tuple of int
        ``(n_channels, *spatial)``.
    n_outputs : int
        Number of outputs.
    seed : int
        Seed of the weights.

    Returns
    -------
    torch.nn.Module
        The module, on the processor.
    """
    build = getattr(net, "build", net)
    with _BUILD_LOCK, torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return build(map_shape, n_outputs)


def seed_epoch(module, seed, epoch):
    """Fix the random numbers of an epoch, whatever came before it.

    Parameters
    ----------
    module : torch.nn.Module
        The module; its `Dropout` layers are seeded one by one.
    seed : int
        Seed of the run.
    epoch : int
        Number of the epoch.
    """
    torch.manual_seed(derive_seed(seed, 2, epoch))
    layers = (layer for layer in module.modules() if isinstance(layer, Dropout))
    for i, layer in enumerate(layers):
        layer.seed(derive_seed(seed, 3, epoch, i))
