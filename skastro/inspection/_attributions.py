"""Ways to tell what each cell of a map contributes: derivatives of ours, and those of captum."""

import numpy as np
import torch

_REMEDY = "pip install 'skastro[explain]'"


def _gradient(function, x, **_):
    x = x.detach().clone().requires_grad_()
    out = function(x)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    return gradient


def _gradient_times_input(function, x, **_):
    return _gradient(function, x) * x


def _smoothgrad(function, x, *, n_draws, noise_level, seeds, **_):
    low, high = torch.aminmax(x.flatten(1), dim=1)
    sigma = (noise_level * (high - low)).reshape(-1, *(1,) * (x.ndim - 1))
    generators = [np.random.default_rng(seed) for seed in seeds]
    total = torch.zeros_like(x)
    for _draw in range(n_draws):
        noise = [rng.standard_normal(x.shape[1:], dtype=np.float32) for rng in generators]
        total += _gradient(function, x + sigma * torch.from_numpy(np.stack(noise)).to(x.device))
    return total / n_draws


def _integrated_gradients(function, x, *, baseline, n_steps, **_):
    way = x - baseline
    total = torch.zeros_like(x)
    for step in range(n_steps):
        total += _gradient(function, baseline + (step + 0.5) / n_steps * way)
    return way * total / n_steps


METHODS = {
    "gradient": _gradient,
    "gradient_times_input": _gradient_times_input,
    "integrated_gradients": _integrated_gradients,
    "smoothgrad": _smoothgrad,
}


def attribute_by_captum(method, function, x, options):
    """Contributions by a class of captum, or by what has the same method ``attribute``.

    Parameters
    ----------
    method : str or callable
        Name of a class in ``captum.attr``, or a function of a torch module that returns an object
        with ``attribute``.
    function : torch.nn.Module
        Turns maps ``(n, ...)`` into ``(n,)``.
    x : torch.Tensor of shape (n, ...)
        Maps.
    options : dict or None
        Further arguments of ``attribute``.

    Returns
    -------
    torch.Tensor of shape (n, ...)
        Contributions.

    Raises
    ------
    ImportError
        If captum is absent.
    ValueError
        If there is no such class, or contributions are not those of cells.
    """
    made = _captum_class(method) if isinstance(method, str) else method
    if not callable(made):
        raise ValueError(
            f"The 'method' parameter of input_gradients must be one of {sorted(METHODS)}, the name "
            f"of a class of captum.attr, or a function of a torch module that returns an object "
            f"with the method attribute. Got {method!r} instead."
        )
    values = made(function).attribute(x.detach().clone().requires_grad_(), **(options or {}))
    if not isinstance(values, torch.Tensor) or values.shape != x.shape:
        raise ValueError(
            f"input_gradients(method={method!r}) must give one number for each cell, a tensor of "
            f"shape {tuple(x.shape)}; got {getattr(values, 'shape', type(values))}. Leave out "
            f"options that return more, or choose another method."
        )
    return values


def _captum_class(name):
    try:
        import captum.attr
    except ImportError as error:
        raise ImportError(
            f"input_gradients(method={name!r}) needs captum, since it is none of "
            f"{sorted(METHODS)}: {_REMEDY}."
        ) from error
    found = getattr(captum.attr, name, None)
    if not (isinstance(found, type) and hasattr(found, "attribute")):
        raise ValueError(
            f"The 'method' parameter of input_gradients must be one of {sorted(METHODS)}, or the "
            f"name of a class of captum.attr, such as 'DeepLift'. Got {name!r} instead."
        )
    return found
