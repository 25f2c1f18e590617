"""Time several functions in turn, so that a busy machine slows all of them alike."""

import statistics
import time


def medians(functions, n_rounds=15):
    """Median processor time of each function.

    Parameters
    ----------
    functions : dict of str to callable
        What is timed; each is called once before.
    n_rounds : int, default=15
        Rounds, in each of which every function is called once.

    Returns
    -------
    dict of str to float
        Seconds.
    """
    times = {name: [] for name in functions}
    for function in functions.values():
        function()
    for _ in range(n_rounds):
        for name, function in functions.items():
            start = time.process_time()
            function()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def report(title, functions, reference, n_rounds=15):
    """Print the medians as ratios to one of the functions."""
    seconds = medians(functions, n_rounds)
    print(title)
    for name, value in seconds.items():
        print(f"  {name:40s} {1e3 * value:9.2f} ms   {value / seconds[reference]:6.2f}")
