"""The file in which a fit keeps its state, so that a run that is killed can go on."""

import json
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch

from ..exceptions import CheckpointWarning
from ..utils import replacing

_FORMAT = 1
_SUFFIX = ".safetensors"
_LEFT_BEHIND = 3600.0  # seconds after which half a file is nobody's


class CheckpointFile:
    """State of one fit, in a file that is replaced as a whole.

    The file is a safetensors file: tensors, and the rest as JSON, so that nothing in it is
    run when it is loaded. It is written beside the one before, and takes its place when all
    of it is on the disk.

    Parameters
    ----------
    folder : path-like
        Where the file is; made where it is absent.
    name : str
        What fits that can go on from each other share.
    max_epochs : int
        Epochs of this fit.
    owner : str
        Estimator that is named in errors.

    Raises
    ------
    OSError
        If the folder cannot be made or written to.
    """

    def __init__(self, folder, name, max_epochs, owner):
        self.folder = Path(folder).expanduser().absolute()
        self.name = name
        self.max_epochs = max_epochs
        self.owner = owner
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for leftover in self.folder.glob(f".{self._stem}.*"):
                if time.time() - leftover.stat().st_mtime > _LEFT_BEHIND:
                    leftover.unlink(missing_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as error:
            raise type(error)(
                error.errno,
                f"The 'checkpoint' parameter of {owner} must be a folder that can be written to: "
                f"{error.strerror}. Give another folder",
                str(self.folder),
            ) from error

    @property
    def _stem(self):
        return f"{self.name}-{self.max_epochs:06d}"

    @property
    def path(self):
        """Path of the file."""
        return self.folder / f"{self._stem}{_SUFFIX}"

    def load(self):
        """Load the state that is furthest on, of this fit or of one with fewer epochs.

        Returns
        -------
        dict or None
            The state; None where there is none.

        Warns
        -----
        CheckpointWarning
            If a file cannot be read; it is passed over.
        """
        found = [(self._state(path), path) for path in self.folder.glob(f"{self.name}-*{_SUFFIX}")]
        found = [(s, path) for s, path in found if s and _begun(s) <= self.max_epochs]
        for _, path in sorted(found, key=lambda pair: _progress(pair[0]), reverse=True):
            state = self._state(path, whole=True)
            if state is not None:
                return state
        return None

    def _state(self, path, whole=False):
        """What a file holds, with its tensors or with names in their place."""
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                state = json.loads(file.metadata()["state"])
                tensors = {name: file.get_tensor(name) for name in file.keys()} if whole else None  # noqa: SIM118
            state = unpack(state, tensors)
            if (state["format"], state["name"]) != (_FORMAT, self.name):
                raise ValueError(f"it is of format {state['format']} and of {state['name']}")
            return state
        except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
            warnings.warn(
                f"{self.owner}: the checkpoint {path} cannot be read ({error!r}), so the fit does "
                f"not go on from it. It will be replaced.",
                CheckpointWarning,
                stacklevel=2,
            )
            return None

    def save(self, state):
        """Replace the file.

        Parameters
        ----------
        state : dict
            Numbers, strings, tensors, and lists, tuples and dictionaries of them.

        Warns
        -----
        CheckpointWarning
            If the file cannot be written; the one before stays.
        """
        tensors = {}
        try:
            content = json.dumps(pack({"format": _FORMAT, "name": self.name, **state}, tensors))
            copies = {
                name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
                for name, value in tensors.items()
            }
            content = safetensors.torch.save(copies, metadata={"state": content})
            with replacing(self.path) as file:
                file.write(content)
        except (OSError, TypeError) as error:
            warnings.warn(
                f"{self.owner}: the checkpoint {self.path} could not be written ({error}). "
                f"Training goes on; what was written before is kept. Check folder and disk.",
                CheckpointWarning,
                stacklevel=2,
            )


def _begun(state):
    return len(state["history"]) + (state["partial"] is not None)


def _progress(state):
    return state["stopped"], len(state["history"]), len((state["partial"] or {}).get("sizes", ()))


def pack(value, tensors):
    """Turn a state into what JSON can hold, and put its tensors aside.

    Parameters
    ----------
    value : object
        Numbers, strings, None, tensors, and lists, tuples and dictionaries of them.
    tensors : dict of str to torch.Tensor
        Where tensors go.

    Returns
    -------
    object
        What stands for the value.

    Raises
    ------
    TypeError
        If there is something else in it.
    """
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, dict):
        items = [[pack(k, tensors), pack(v, tensors)] for k, v in value.items()]
        return {"dict": items}
    for kind in (list, tuple):
        if isinstance(value, kind):
            return {kind.__name__: [pack(item, tensors) for item in value]}
    raise TypeError(
        f"A checkpoint holds numbers, strings and tensors, and lists, tuples and dictionaries of "
        f"them; got {value!r}."
    )


def unpack(value, tensors):
    """Undo `pack`.

    Parameters
    ----------
    value : object
        What `pack` returned.
    tensors : dict of str to torch.Tensor or None
        The tensors; None leaves what stands for them.

    Returns
    -------
    object
        The value that was packed.
    """
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return value if tensors is None else tensors[content]
    if kind == "dict":
        return {unpack(k, tensors): unpack(v, tensors) for k, v in content}
    items = [unpack(item, tensors) for item in content]
    return items if kind == "list" else tuple(items)
