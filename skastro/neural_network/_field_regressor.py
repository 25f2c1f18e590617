"""Fields from fields with a network."""

from numbers import Integral
from typing import Literal, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ..metrics import field_r2_score
from ..utils._params import Interval, StrOptions
from ..utils._typing import ArrayLike, MapsLike, PathLike, RandomState
from ._field_base import FieldEstimator
from ._field_losses import FIELD_LOSSES
from ._field_predictions import memory_advice
from ._streaming import Streaming
from ._symmetries import Symmetries
from ._types import Callbacks, Devices, FieldLoss, NetLike, OptimizerLike, Precision, Schedule


class FieldRegressor(RegressorMixin, FieldEstimator):
    """Fields from fields of the same size, by a network that is trained through skorch.

    Cell for cell, as from the density of gas and of sources to the ionized fraction [1]_, or from
    the density to the brightness of the 21-cm line. Boxes are trained on whole or by
    random patches, and predicted whole or by tiles, also boxes of another size than those of the
    training.

    Parameters
    ----------
    net : Net or callable, default=None
        Architecture; None is ``UNet()``. A callable takes ``(map_shape, n_outputs)`` and
        returns a torch module from ``(n, n_channels, *spatial)`` to ``(n, n_outputs, *spatial)``.
    loss : {"squared_error", "absolute_error", "huber", "cross_entropy", "dice"} or callable, \
            default="squared_error"
        What is minimized, as a mean over samples, targets and cells; p is the prediction, r that
        minus the target y:

        - "squared_error": ``r**2``; "absolute_error": ``abs(r)``; "huber": ``r**2 / 2`` where
          ``abs(r) < 1``, and ``abs(r) - 1 / 2`` elsewhere;
        - "cross_entropy": ``-y * log(p) - (1 - y) * log(1 - p)``, of fractions;
        - "dice": ``1 - 2 * sum(p * y) / sum(p**2 + y**2)``, sums over the cells of a sample or
          patch, of fractions [2]_;
        - a function of predictions and targets, both of shape ``(n, n_targets, *spatial)``,
          that returns one loss for each sample, or for each value of each.
    output : {"free", "fraction"}, default="free"
        What predictions may be: any number; or fractions, between 0 and 1, of which the net makes
        the logit. The losses "cross_entropy" and "dice" take fractions alone.
    patch_size : int, default=None
        Cells along each axis of the cubes, or squares, that the net is trained on. They are cut
        from anywhere, anew in each epoch. None takes boxes whole.
    n_patches : int, default=1
        Patches of a sample in an epoch. They come one after the other, so that a sample in a file
        is read once for all of them.
    halo : int, default=None
        Cells around each patch and each tile that the net sees and that do not count. None takes
        as many as can matter, ``net.reach``; a net that has no such number needs one here.
    tile_size : int, default=None
        Cells along each axis of the tiles that `predict` cuts boxes into, rounded up to a
        multiple of ``net.stride``. None takes boxes whole, which is faster while memory lasts.
    periodic : bool, default=None
        Whether what lies beyond the edge of a box is the other side. None takes what the net does:
        True where its ``padding_mode`` is "circular".
    optimizer : {"adam", "adamw", "sgd"} or callable, default="adamw"
        Optimizer [5]_, or a class of ``torch.optim``. "sgd" has Nesterov momentum 0.9.
    lr : float, default=1e-3
        Learning rate; with a schedule, the greatest one.
    weight_decay : float, default=0.01
        Decay of the weights, as the optimizer defines it, where it does.
    max_grad_norm : float, default=None
        Greatest norm of the gradient of all weights together; a longer one is shortened to it
        [7]_. None leaves gradients as they are.
    batch_size : int, default=4
        Samples, or patches, in a batch.
    max_epochs : int, default=50
        Number of epochs in all, also where `warm_start` continues a run.
    schedule : {"one_cycle", "cosine", "plateau"} or None, default="one_cycle"
        How the learning rate changes over the run: up and down again from batch to batch
        [6]_, where the momentum of a named optimizer goes down and up; down along a cosine;
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
        Random symmetries of the training maps, drawn anew for each sample and epoch; targets
        turn with them, as scalars. Of patches the shift is left out, as they are from anywhere.
    average_symmetries : bool, default=False
        Whether a prediction is the mean over all turns and mirrors of the map that
        `augmentation` has, each turned back, at as many times the cost.
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
        Covers weights, order of samples, augmentation, dropout, noise and what is set aside.
        An int gives equal results on equal numbers of threads. Global states are left alone.
    verbose : {0, 1, 2}, default=0
        0 is silent, 1 shows a progress bar, 2 prints a line for each epoch.
    normalize_y : bool, default=True
        Whether each target is brought to mean 0 and standard deviation 1 over the cells of the
        training samples, those that early stopping sets aside not among them. Predictions are in
        the user's units in any case; the loss is not. Fractions are left as they are.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_.net`` is the torch module.
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
    target_scaler_ : FieldScaler or None
        What normalizes the targets.

    See Also
    --------
    skastro.nets.UNet : The usual architecture.
    skastro.maps.constant_channels : Numbers such as the redshift as channels.
    skastro.preprocessing.SmoothedCopies : What lies farther away than the net sees.
    skastro.ensemble.VoxelRegressor : Any regressor of scikit-learn on the channels of each cell.

    Notes
    -----
    The cells of a tile come out as from the whole box, up to rounding, if the halo is no less than
    ``net.reach`` and, along axes of a periodic box that are cut, the size of the box is a multiple
    of ``net.stride``. Time grows with the halo: of a tile of t cells along an axis, ``t + 2 halo``
    go through the net. How many samples go through at once depends on the size of the tiles and on
    the `batch_size` of the fit alone, so that the prediction for a map has the same bits whatever
    maps are beside it.

    A net with ``batch_norm=True`` normalizes over the batch: one of a single box takes away what
    is the same in all its cells, such as its redshift. Then let batches hold patches of several.

    Numbers that belong to a sample, such as its redshift, are given as channels that are constant
    over the map; with ``net.n_conditions`` the net scales and shifts its feature maps by them [3]_.

    References
    ----------
    .. [1] D. Korber, M. Bianco, E. Tolley, J.-P. Kneib, "PINION: physics-informed neural network
       for accelerating radiative transfer simulations for cosmic reionization", MNRAS 521, 902
       (2023), arXiv:2208.13803.
    .. [2] F. Milletari, N. Navab, S.-A. Ahmadi, "V-Net: fully convolutional neural networks for
       volumetric medical image segmentation", 3DV (2016).
    .. [3] E. Perez et al., "FiLM: visual reasoning with a general conditioning layer", AAAI (2018).
    .. [4] O. Ronneberger, P. Fischer, T. Brox, "U-Net: convolutional networks for biomedical image
       segmentation", MICCAI (2015), with its overlapping tiles.
    .. [5] D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR (2015);
       I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR (2019).
    .. [6] L. N. Smith, N. Topin, "Super-convergence", arXiv:1708.07120 (2017).
    .. [7] R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural
       networks", ICML (2013).

    Examples
    --------
    A map of the sum of each cell and its two neighbours along the rows:

    >>> import numpy as np
    >>> from skastro.nets import FieldResNet
    >>> from skastro.neural_network import FieldRegressor
    >>> X = np.random.default_rng(0).normal(size=(20, 16, 16))
    >>> y = X + np.roll(X, 1, axis=2) + np.roll(X, -1, axis=2)
    >>> net = FieldResNet(n_blocks=1, n_filters=8, padding_mode="circular")
    >>> model = FieldRegressor(net, lr=0.02, max_epochs=30, n_threads=1, random_state=0)
    >>> model.fit(X[:15], y[:15]).score(X[15:], y[15:]) > 0.9
    True
    >>> model.predict(np.zeros((2, 24, 40))).shape
    (2, 24, 40)
    """

    _parameter_constraints = FieldEstimator._parameter_constraints | {
        "loss": [StrOptions(set(FIELD_LOSSES)), callable],
        "output": [StrOptions({"free", "fraction"})],
        "patch_size": [Interval(Integral, 1, None, closed="left"), None],
        "n_patches": [Interval(Integral, 1, None, closed="left")],
        "halo": [Interval(Integral, 0, None, closed="left"), None],
        "tile_size": [Interval(Integral, 1, None, closed="left"), None],
        "periodic": ["boolean", None],
        "normalize_y": ["boolean"],
    }

    def __init__(
        self,
        net: NetLike | None = None,
        *,
        loss: FieldLoss = "squared_error",
        output: Literal["free", "fraction"] = "free",
        patch_size: int | None = None,
        n_patches: int = 1,
        halo: int | None = None,
        tile_size: int | None = None,
        periodic: bool | None = None,
        optimizer: OptimizerLike = "adamw",
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        max_grad_norm: float | None = None,
        batch_size: int = 4,
        max_epochs: int = 50,
        schedule: Schedule | None = "one_cycle",
        warmup_epochs: int | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        augmentation: Symmetries | None = None,
        average_symmetries: bool = False,
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
        normalize_y: bool = True,
    ) -> None:
        self.net = net
        self.loss = loss
        self.output = output
        self.patch_size = patch_size
        self.n_patches = n_patches
        self.halo = halo
        self.tile_size = tile_size
        self.periodic = periodic
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
        self.average_symmetries = average_symmetries
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
        self.normalize_y = normalize_y

    def fit(
        self,
        X: MapsLike,
        y: MapsLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Train the net.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps. Two axes are signals; how more axes are read depends on ``net.dim``.
        y : array-like or LazyMaps of shape (n_samples, [n_targets,] *spatial)
            Fields of the same size.
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
            If the maps do not fit the net or the fields.
        ValueError
            If a value is not finite, masked or complex, a parameter is out of its range or does
            not fit another, the device is absent, or targets are no fractions where these are
            asked for.
        TypeError
            If `net` builds no module, or `callbacks` holds no callbacks.
        MemoryError
            If torch finds too little memory for a batch.
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
        X, sample_weight, groups = self._check_fit(X, y, sample_weight, groups)
        y, n_targets, single = self._check_target(X, y)
        self._windows(self._spec(), self.patch_size)
        if self._continues:
            self._check_warm_start(n_targets)
        self._single_target, self._fitted_output = single, self.output
        remedy = "Lower batch_size, or train on smaller patches: set or lower patch_size."
        with memory_advice(self._name, remedy):
            self._fit_net(X, y, (n_targets,), sample_weight, groups, (y, sample_weight))
        return self

    def predict(self, X: MapsLike) -> np.ndarray:
        """Predict fields.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps with the channels that were fitted, of any size that the net takes; but signals
            of two axes keep their length, unless an axis of channels is added in fit and here.
            Lazy maps are read few at a time.

        Returns
        -------
        y : ndarray of float32, of shape (n_samples, [n_targets,] *spatial)
            Fields in the user's units, with the axes that `y` had in fit.

        Raises
        ------
        MapShapeError
            If samples have not the channels that were fitted.
        ValueError
            If a value is not finite, a parameter is out of its range or does not fit another, or
            the halo of tiles is unknown.
        MemoryError
            If torch finds too little memory for a tile.
        DivergenceError
            If the net makes NaN or infinity of the maps.
        """
        check_is_fitted(self)
        fields = self._outputs(X)
        return fields[:, 0] if self._single_target else fields

    def score(self, X: MapsLike, y: MapsLike, sample_weight: ArrayLike | None = None) -> float:
        """Coefficient of determination of the predictions, over all cells of all samples.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps.
        y : array-like or LazyMaps of shape (n_samples, [n_targets,] *spatial)
            Fields.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        float
            R2, see `skastro.metrics.field_r2_score`.
        """
        return field_r2_score(y, self.predict(X), sample_weight=sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
