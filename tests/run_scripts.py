"""Run scripts one after the other, each in a fork of one process that has imported what they need.

Reads lines of JSON, ``[script, printed, errors, *options]``, from its input, where `printed` and
`errors` are the files that the script writes to, and answers each with the exit status.
"""

import json
import os
import runpy
import sys


def main():
    """Wait for scripts."""
    import matplotlib.pyplot as plt  # noqa: F401

    from skastro import ensemble, inspection, model_selection, simulation  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if not child:
            return run(*json.loads(line))
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()
    return None


def run(script, printed, errors, *options):
    """Be the script."""
    for path, descriptor in ((printed, 1), (errors, 2)):
        with open(path, "wb") as file:
            os.dup2(file.fileno(), descriptor)
    sys.argv = [script, *options]
    sys.path.insert(0, os.path.dirname(script))
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
