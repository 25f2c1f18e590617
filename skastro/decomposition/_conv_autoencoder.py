"""Codes of maps by a convolutional autoencoder."""

from collections.abc import Sequence
from numbers import Real
from typing import Literal, Self

import numpy as np
import torch

from ..nets import Autoencoder
from ..neural_network import Streaming, Symmetries
from ..neural_network._base import NetEstimator
from ..neural_network._losses import REGRESSION_LOSSES
from ..neural_network._types import (
    Callbacks,
    Devices,
    LossFunction,
    NetLike,
    OptimizerLike,
    Precision,
    Schedule,
)
from ..utils import map_layout
from ..utils._params import Interval, StrOptions
from ..utils._typing import ArrayLike, MapsLike, PathLike, RandomState
from ._coding import Coder
from ._denoising import DenoisingDataset

_LOSSES = {name: REGRESSION_LOSSES[name] for name in ("squared_error", "absolute_error", "huber")}


class ConvAutoencoder(Coder, NetEstimator):
    """Small codes of maps, by a network that learns to give each map back [1]_.

    An encoder shrinks a map to a code, from which a decoder makes the map again; both are
    trained together, without labels. Maps are taken as they come: put a
    `skastro.preprocessing.FieldScaler` before it, whose fields of mean 0 and standard deviation 1
    suit the defaults.

    Parameters
    ----------
    net : Net or callable, default=None
        Architecture; None is ``Autoencoder()``. A callable takes ``(map_shape, n_channels)`` and
        returns a torch module that makes maps of maps, with the parts ``encoder`` and
        ``decoder``.
    loss : {"squared_error", "absolute_error", "huber"} or callable, default="squared_error"
        What is minimized, as a mean over samples, channels and cells; r is the reconstruction
        minus the map: ``r**2``; ``abs(r)``; or ``r**2 / 2`` where ``abs(r) < 1``, and
        ``abs(r) - 1 / 2`` elsewhere. A function takes reconstructions and maps, both of shape
        ``(n, n_channels, *spatial)``, and returns one loss for each sample or each value.
    noise : float or tuple of float, default=0.0
        Standard deviation of Gaussian noise, in units of `X`, of all channels or of each: a
        denoising autoencoder [5]_. The net is given maps with noise, new in each epoch, and is to
        give back those without. Validation has a fixed realization of it, `transform` none.
    flatten : bool, default=False
        Whether `transform` returns a row of numbers for each map, not a code in the shape of a
        map with channels.
    optimizer : {"adam", "adamw", "sgd"} or callable, default="adamw"
        Optimizer [2]_, or a class of ``torch.optim``. "sgd" has Nesterov momentum 0.9.
    lr : float, default=1e-3
        Learning rate; with a schedule, the greatest one.
    weight_decay : float, default=0.01
        Decay of the weights, as the optimizer defines it, where it does.
    max_grad_norm : float, default=None
        Greatest norm of the gradient of all weights together; a longer one is shortened to it
        [4]_. None leaves gradients as they are.
    batch_size : int, default=32
        Samples in a batch.
    max_epochs : int, default=50
        Number of epochs in all, also where `warm_start` continues a run.
    schedule : {"one_cycle", "cosine", "plateau"} or None, default="one_cycle"
        How the learning rate changes over the run: up and down again from batch to batch
        [3]_, where the momentum of a named optimizer goes down and up; down along a cosine;
        to a tenth after ``patience // 2`` epochs in which the loss did not fall, that on the
        validation samples where there are any; or not at all.
    warmup_epochs : int, default=None
        Epochs over which the learning rate rises to `lr`. None is three tenths of the run for
        "one_cycle", and no rise for the others.
    early_stopping : bool, default=False
        Whether a part of the training samples is set aside, training stops when the loss on
        it no longer falls, and the weights of the best epoch are kept. With a schedule that
        ends at `max_epochs`, the best epoch is often one of the last.
    validation_fraction : float, default=0.1
        Share of the samples, or of the groups where `groups` are given to fit, set aside: those
        for which a hash of the group (else of the position in X) and the seed is less. So the
        share is met on average, and what is added later leaves the others on their side.
    patience : int, default=10
        Epochs without a lower validation loss after which training stops.
    augmentation : Symmetries or None, default=None
        Random symmetries of the training maps, drawn anew for each sample and epoch.
    precision : {"auto", "float32", "tf32", "bfloat16"}, default="auto"
        How products are computed in training. "auto" is "tf32" on GPUs that have it, else
        "float32"; what was chosen is in ``precision_``. Weights, losses and predictions are
        float32 in any case. "bfloat16" is automatic mixed precision.
    compile : bool, default=False
        Whether training runs through ``torch.compile``, which takes up to a minute at first
        and a C++ compiler.
    device : str, default="auto"
        Where to train: "auto" is the GPU where there is one, else the processor; or a name
        that torch knows, such as "cpu" or "cuda:1".
    devices : int or "all", default=None
        Processes that share each batch of one fit, on GPUs one for each; "all" takes all GPUs
        that are there, or the processes that ``torchrun`` has started. None trains in this
        process. Steps are those of one process but for rounding; dropout differs. Callbacks run
        in the first process, those of skorch that steer the training, and those with an attribute
        ``every_process = True``, in each.
    n_threads : int, default=None
        Threads that torch may use; None leaves them as they are set.
    streaming : Streaming, default=None
        How lazy maps are shuffled and read ahead; None is ``Streaming()``.
    checkpoint : path-like, default=None
        Folder in which each fit keeps a file of its state, named by a fingerprint of data,
        rows, parameters and the code of what the user wrote. A fit that was killed goes on
        from there, with the bits of one that was not; one that was finished is restored at
        once. With ``random_state=None`` the seed is that of the file. Maps in files are told
        apart by name, size, time of change and a few of their rows.
    checkpoint_interval : float, default=None
        Seconds after which the file is written again, also within an epoch. None writes it
        after each epoch.
    callbacks : list of skorch.callbacks.Callback or callable, default=None
        Callbacks, copied before use; or functions without arguments that return one, for what
        cannot be copied or sent to another process. Those of the last fit are in
        ``net_.callbacks``. Attributes that end with an underscore are kept in a checkpoint.
        Callbacks of scikit-learn 1.9 are set by ``set_callbacks``.
    warm_start : bool, default=False
        Whether a further fit goes on from the weights that are there, in the same net whatever
        `net` has become, with a new optimizer and a schedule over the epochs that are left.
    random_state : int, numpy.random.RandomState or None, default=None
        Covers weights, order of samples, augmentation, dropout, `noise` and what is set aside.
        An int gives equal results on equal numbers of threads. Global states are left alone.
    verbose : {0, 1, 2}, default=0
        0 is silent, 1 shows a progress bar, 2 prints a line for each epoch.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module, with ``encoder`` and ``decoder``.
    code_shape_ : tuple of int
        Shape of the code of a map, ``(n_channels, *spatial)``.
    history_ : list of dict
        Number, losses, learning rate and duration in seconds of each epoch: a table for
        ``pandas.DataFrame(model.history_)``.
    n_iter_ : int
        Epochs that were run.
    precision_ : str
        How products were computed in training.
    sample_shape_ : tuple of int
        Shape of a training sample.
    n_features_in_ : int
        Length of the first axis of a sample.

    See Also
    --------
    skastro.nets.Autoencoder : The architecture.
    skastro.inspection.ReconstructionDisplay : Maps beside what is left of them.

    References
    ----------
    .. [1] G. E. Hinton, R. R. Salakhutdinov, "Reducing the dimensionality of data with neural
       networks", Science 313, 504 (2006).
    .. [2] D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR (2015);
       I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR (2019).
    .. [3] L. N. Smith, N. Topin, "Super-convergence", arXiv:1708.07120 (2017).
    .. [4] R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural
       networks", ICML (2013).
    .. [5] P. Vincent et al., "Extracting and composing robust features with denoising
       autoencoders", ICML (2008).

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.decomposition import ConvAutoencoder
    >>> from skastro.nets import Autoencoder
    >>> rng = np.random.default_rng(0)
    >>> phase = rng.uniform(0, 2 * np.pi, size=(200, 1, 1))
    >>> maps = np.sqrt(2) * np.sin(np.arange(16) * np.pi / 8 + phase) * np.ones((16, 1))
    >>> net = Autoencoder((8, 4), padding_mode="circular")
    >>> model = ConvAutoencoder(net, lr=0.02, max_epochs=20, n_threads=1, random_state=0)
    >>> codes = model.fit_transform(maps)
    >>> codes.shape
    (200, 4, 4, 4)
    >>> model.inverse_transform(codes).shape
    (200, 16, 16)
    >>> bool(model.reconstruction_error(maps).mean() < 0.2 * maps.var())
    True
    """

    _losses = _LOSSES
    _default_net = Autoencoder
    _not_in_fingerprint = NetEstimator._not_in_fingerprint | {"flatten"}

    _parameter_constraints = {
        name: constraint
        for name, constraint in NetEstimator._parameter_constraints.items()
        if name != "average_symmetries"
    } | {
        "loss": [StrOptions(set(_LOSSES)), callable],
        "noise": [Interval(Real, 0, None, closed="left"), tuple, list],
        "flatten": ["boolean"],
    }

    def __init__(
        self,
        net: NetLike | None = None,
        *,
        loss: Literal["squared_error", "absolute_error", "huber"] | LossFunction = "squared_error",
        noise: float | Sequence[float] = 0.0,
        flatten: bool = False,
        optimizer: OptimizerLike = "adamw",
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        max_grad_norm: float | None = None,
        batch_size: int = 32,
        max_epochs: int = 50,
        schedule: Schedule | None = "one_cycle",
        warmup_epochs: int | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        augmentation: Symmetries | None = None,
        precision: Precision = "auto",
        compile: bool = False,
        device: str = "auto",
        devices: Devices | None = None,
        n_threads: int | None = None,
        streaming: Streaming | None = None,
        checkpoint: PathLike | None = None,
        checkpoint_interval: float | None = None,
        callbacks: Callbacks | None = None,
        warm_start: bool = False,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.net = net
        self.loss = loss
        self.noise = noise
        self.flatten = flatten
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.max_grad_norm = max_grad_norm
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.schedule = schedule
        self.warmup_epochs = warmup_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.augmentation = augmentation
        self.precision = precision
        self.compile = compile
        self.device = device
        self.devices = devices
        self.n_threads = n_threads
        self.streaming = streaming
        self.checkpoint = checkpoint
        self.checkpoint_interval = checkpoint_interval
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X: MapsLike,
        y: object = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Train the net to give back the maps.

        Parameters
        ----------
        X : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps. Two axes are signals; how more axes are read depends on ``net.dim``.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples in the loss, of which only ratios matter. Samples of weight
            zero are left out.
        groups : array-like of shape (n_samples,), default=None
            Which simulation a sample is from. Early stopping then validates on whole groups.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        MapShapeError
            If the maps do not fit the net.
        ValueError
            If a value is not finite, a parameter is out of its range, the device is absent, or
            the net does not give back the shape of the maps.
        TypeError
            If `net` builds no module with an encoder and a decoder, or `callbacks` holds no
            callbacks.
        OSError
            If the folder of the checkpoint cannot be written to.
        DivergenceError
            If a loss or a weight becomes NaN or infinite; the estimator is then not fitted.

        Warns
        -----
        CheckpointWarning
            If a checkpoint cannot be read or written. Training goes on.
        ConvergenceWarning
            If a warm start finds nothing left to train.
        PerformanceWarning
            If chunks of a file are decompressed many times in an epoch, see `Streaming`.
        """
        X, sample_weight, groups = self._check_fit(X, None, sample_weight, groups)
        map_shape = map_layout(X.shape, getattr(self.net, "dim", None), self._name).map_shape
        try:
            self._fit_net(X, None, map_shape, sample_weight, groups, (None, sample_weight))
        finally:
            if self.__sklearn_is_fitted__():
                self.code_shape_ = self._find_code_shape()
        return self

    def _dataset(self, X, map_shape, y, training=False, **options):
        noise, n_channels = self.noise, map_shape[0]
        noise = [noise] * n_channels if isinstance(noise, Real) else list(noise)
        if len(noise) != n_channels or not all(
            isinstance(std, Real) and 0 <= std < np.inf for std in noise
        ):
            raise ValueError(
                f"The 'noise' parameter of {self._name} must be a number that is 0 or greater, or "
                f"a tuple of one for each of {n_channels} channels. Got {self.noise!r} instead."
            )
        return DenoisingDataset(X, map_shape, noise=noise, **options)

    def _make_net(self, device, module=None):
        net = super()._make_net(device, module)
        for part in ("encoder", "decoder"):
            if not isinstance(getattr(net.module_, part, None), torch.nn.Module):
                raise TypeError(
                    f"The 'net' parameter of {self._name} built a module without the part "
                    f"{part!r}. Give an Autoencoder, or a function that returns a module with the "
                    f"attributes 'encoder' and 'decoder', themselves modules."
                )
        return net
