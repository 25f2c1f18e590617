"""The forward pass of training, compiled for the device."""

from functools import cache
from inspect import signature

import torch

from ..nets import Dropout

BACKEND = "inductor"


class CompiledForward:
    """A module that is put through ``torch.compile``, and is itself left as it is.

    Each size of a batch is compiled by itself, so that the bits of an epoch do not depend on
    which size was met first, as after a resume: an epoch has two sizes at most. Limits on the
    number of graphs are those of one fit, not of all fits of a process. CUDA graphs are not
    used, which overwrite outputs that callbacks may keep.

    Parameters
    ----------
    module : torch.nn.Module
        The module. Its weights are shared.
    owner : str
        Estimator that is named in errors.
    """

    def __init__(self, module, owner):
        _leave_out_dropout()
        self._owner = owner
        self._device = next((weight.device for weight in module.parameters()), None)
        options = {"dynamic": False, "backend": BACKEND}
        if "isolate_recompiles" in signature(torch.compile).parameters:
            options["isolate_recompiles"] = True
        try:
            self._forward = torch.compile(module, **options)
        except RuntimeError as error:
            raise self._missing(error) from error

    def __call__(self, x, **params):
        """Put a batch through the module.

        Parameters
        ----------
        x : torch.Tensor of shape (n, ...)
            The batch.
        **params
            Further arguments of the module.

        Returns
        -------
        torch.Tensor
            What comes out.

        Raises
        ------
        RuntimeError
            If the module cannot be compiled here.
        """
        try:
            return self._forward(x, **params)
        except _failures() as error:
            raise self._missing(error) from error

    def _missing(self, error):
        """The error that says what to do."""
        cause = getattr(error, "inner_exception", error)
        reason = ": ".join([type(cause).__name__, *str(cause).strip().splitlines()[:1]])
        return RuntimeError(
            f"{self._owner}(compile=True) could not compile its net for {self._device}: {reason} "
            f"It takes a C++ compiler such as g++ or clang++, and Triton for a GPU. Install them, "
            f"or set compile=False."
        )


def _failures():
    """Class of the errors of a compiler, or of its absence."""
    errors = torch._dynamo.exc
    return getattr(errors, "ShortenTraceback", errors.BackendCompilerFailed)  # before torch 2.7


@cache
def _leave_out_dropout():
    """Let dropout run as it is written, or each epoch's seed would be compiled into the graph."""
    Dropout.forward = torch.compiler.disable(Dropout.forward)
