"""What is read in a thread ahead of its use."""

import contextvars
from collections import deque
from threading import Condition, Thread

_ITEM, _END, _ERROR = range(3)


class _Handover:
    """A queue of few places between two threads, which either side may close.

    Parameters
    ----------
    n_places : int
        Items that may wait in it.
    """

    def __init__(self, n_places):
        self._items = deque()
        self._n_places = n_places
        self._changed = Condition()
        self._closed = False

    def put(self, item):
        """Wait for a place and put an item there; False where the queue has been closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._n_places)
            if not self._closed:
                self._items.append(item)
                self._changed.notify_all()
            return not self._closed

    def get(self):
        """Wait for an item and take it."""
        with self._changed:
            self._changed.wait_for(lambda: self._items)
            self._changed.notify_all()
            return self._items.popleft()

    def close(self):
        """Drop what waits, and let nothing in any more."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()


def read_ahead(items, n_ahead):
    """Take items from a generator in a thread, a few ahead of where they are used.

    The thread ends with the generator, by its error, or as soon as what it does at the moment
    is done once this generator is closed, which waits for that.

    Parameters
    ----------
    items : generator
        What yields the items; it is run in the thread alone.
    n_ahead : int
        Items that may wait; one more may be in the making.

    Yields
    ------
    object
        The items, in their order. An error of `items` is raised here, behind the items before it.
    """
    handover = _Handover(n_ahead)
    context = contextvars.copy_context()
    thread = Thread(
        target=context.run, args=(_fill, handover, items), name="skastro-reader", daemon=True
    )
    try:
        thread.start()
        while True:
            kind, *content = handover.get()
            if kind == _END:
                return
            if kind == _ERROR:
                raise content.pop()
            yield content.pop()
    finally:
        handover.close()
        if thread.ident is not None:
            thread.join()


def _fill(handover, items):
    """Put all items, then the end or an error."""
    last = (_END,)
    try:
        while True:
            try:
                item = next(items)
            except StopIteration:
                break
            wanted = handover.put((_ITEM, item))
            del item
            if not wanted:
                break
        items.close()
    except BaseException as error:  # raised again in the thread that asked for the items
        last = (_ERROR, error)
    handover.put(last)


def windows_of(batches, samples_of, n_ahead, n_skipped=0):
    """Cut a sequence of batches into windows that are read at once.

    Parameters
    ----------
    batches : list
        The batches of an epoch.
    samples_of : callable
        Returns the numbers of the samples of a batch.
    n_ahead : int
        Batches in a window.
    n_skipped : int, default=0
        Batches at the start that are left out; windows are those of the whole epoch.

    Yields
    ------
    batches : list
        Batches of the window.
    samples : list of ndarray
        Numbers of the samples of each.
    """
    edge = n_skipped
    while edge < len(batches):
        stop = edge - edge % n_ahead + n_ahead
        some = batches[edge:stop]
        yield some, [samples_of(batch) for batch in some]
        edge = stop
