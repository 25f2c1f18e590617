"""Devices, threads and seeds."""

import threading
from contextlib import contextmanager

import numpy as np
import torch
from sklearn.utils import check_random_state

from ..nets import Dropout

_GENERATOR_LOCK = threading.RLock()
_BORROWED_STATES: dict[torch.device, torch.Tensor] = {}
_BORROWERS: list[object] = []


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

    A new thread of the process starts with the number that another one has just set. Where
    that is the number wanted, it is not set again, nor restored later when it is out of date.

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
    changes = n_threads not in (None, before)
    if changes:
        torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        if changes:
            torch.set_num_threads(before)


@contextmanager
def own_generator(device):
    """Leave the global state of torch's random numbers as it was.

    Threads may overlap: the last one to leave restores what the first one found.

    Parameters
    ----------
    device : torch.device
        The device that is used.

    Yields
    ------
    None
        Nothing.
    """
    with _GENERATOR_LOCK:
        _BORROWERS.append(device)
        if "cpu" not in _BORROWED_STATES:
            _BORROWED_STATES["cpu"] = torch.get_rng_state()
        if device.type == "cuda" and device not in _BORROWED_STATES:
            _BORROWED_STATES[device] = torch.cuda.get_rng_state(device)
    try:
        yield
    finally:
        with _GENERATOR_LOCK:
            _BORROWERS.remove(device)
            if not _BORROWERS:
                torch.set_rng_state(_BORROWED_STATES.pop("cpu"))
                while _BORROWED_STATES:
                    gpu, state = _BORROWED_STATES.popitem()
                    torch.cuda.set_rng_state(state, gpu)


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
    return int(np.random.SeedSequence([seed, *numbers]).generate_state(1, np.uint64)[0]) >> 1


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

    Raises
    ------
    TypeError
        If `net` is a module already, or does not build one.
    """
    remedy = "Give a Net, or a function of (map_shape, n_outputs) that returns a new module."
    if isinstance(net, torch.nn.Module):
        raise TypeError(f"The 'net' parameter is a torch module already. {remedy}")
    build = getattr(net, "build", net)
    with _GENERATOR_LOCK, own_generator(torch.device("cpu")):
        torch.default_generator.manual_seed(seed)
        module = build(map_shape, n_outputs)
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"The 'net' parameter built {module!r}, which is no module. {remedy}")
    return module


def seed_epoch(module, seed, epoch, device):
    """Fix the random numbers of an epoch, whatever came before it.

    Parameters
    ----------
    module : torch.nn.Module
        The module; its `Dropout` layers are seeded one by one.
    seed : int
        Seed of the run.
    epoch : int
        Number of the epoch.
    device : torch.device
        Where the module is.
    """
    with _GENERATOR_LOCK:
        torch.default_generator.manual_seed(derive_seed(seed, 2, epoch))
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(derive_seed(seed, 2, epoch))
    layers = (layer for layer in module.modules() if isinstance(layer, Dropout))
    for i, layer in enumerate(layers):
        layer.seed(derive_seed(seed, 3, epoch, i))


def generator_states(module, device):
    """States of the generators that an epoch draws from.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    device : torch.device
        Where it is.

    Returns
    -------
    dict of str to torch.Tensor
        The states; `Dropout` layers that have drawn nothing yet have none.
    """
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    for name, layer in module.named_modules():
        if isinstance(layer, Dropout) and layer.generator is not None:
            states[f"layer {name}"] = layer.generator.get_state()
    return states


def restore_generators(module, states, device):
    """Put generators back to where they were.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    states : dict of str to torch.Tensor
        What `generator_states` returned.
    device : torch.device
        Where the module is.
    """
    with _GENERATOR_LOCK:
        torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
    for name, layer in module.named_modules():
        if f"layer {name}" in states:
            layer.generator = torch.Generator(device=device)
            layer.generator.set_state(states[f"layer {name}"])


def weights_to_arrays(module):
    """Weights and buffers of a module without torch in them, for a pickle.

    Parameters
    ----------
    module : torch.nn.Module
        The module.

    Returns
    -------
    dict of str to ndarray
        Arrays; tensors of numbers that NumPy does not know, and what is no tensor, as it is.
    """

    def as_array(value):
        if not isinstance(value, torch.Tensor):
            return value
        value = value.cpu()
        return value if value.dtype == torch.bfloat16 else value.numpy()

    return {name: as_array(value) for name, value in module.state_dict().items()}


def weights_from_arrays(module, weights):
    """Put weights and buffers back into a module.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    weights : dict of str to ndarray
        What `weights_to_arrays` returned.
    """
    module.load_state_dict(
        {
            name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
            for name, value in weights.items()
        }
    )
