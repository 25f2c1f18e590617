"""A client of dask whose inputs outlive the worker that holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dask.distributed import Client


class DurableClient:
    """A client of dask for joblib, whose data a killed worker does not take with it.

    Under ``joblib.parallel_config("dask")`` joblib sends arrays of more than a kilobyte, such as
    targets and the rows of a fold, to one worker, where the others fetch them. If that worker
    is killed before, dask has no copy, and the search ends with a ``FutureCancelledError``. With
    this client the scheduler keeps what was sent, and hands it to another worker; fits that were
    running are run again by dask, and go on where they stopped if they have a checkpoint.

    Parameters
    ----------
    client : dask.distributed.Client
        The client of the cluster. All else is handed on to it.

    Notes
    -----
    The scheduler has all that is sent in its memory. Maps should therefore be `LazyMaps`, which
    are sent as a path and row numbers.

    Examples
    --------
    >>> import joblib
    >>> from dask.distributed import Client  # doctest: +SKIP
    >>> from skastro.model_selection import DurableClient
    >>> with Client(n_workers=2, threads_per_worker=1) as client:  # doctest: +SKIP
    ...     with joblib.parallel_config("dask", client=DurableClient(client)):
    ...         search.fit(maps, y, groups=groups)
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def __getattr__(self, name):
        if name == "_client":
            raise AttributeError(name)
        return getattr(self._client, name)

    def scatter(self, data: Any, *, asynchronous: bool = False, **options: Any) -> Any:
        """Make tasks of data, whose results dask makes again where they are lost.

        Parameters
        ----------
        data : object, list or tuple
            What to send; each member of a list or tuple by itself.
        asynchronous : bool, default=False
            Whether to return a coroutine.
        **options : dict
            Taken for the sake of ``dask.distributed.Client.scatter``, and of no effect: workers
            fetch the data when they need it.

        Returns
        -------
        dask.distributed.Future, list of them, or coroutine
            What stands for the data in tasks.
        """
        if isinstance(data, list | tuple):
            futures = type(data)([self._sent(item) for item in data])
        else:
            futures = self._sent(data)
        return _awaited(futures) if asynchronous else futures

    def _sent(self, item):
        return self._client.submit(_same, item, pure=False)


def _same(item):
    return item


async def _awaited(value):
    return value
