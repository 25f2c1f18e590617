"""Find the files of the CAMELS Multifield Dataset in a folder."""

from ..exceptions import DatasetFormatError, DatasetNotFoundError
from ._cmd_request import GRID_CELLS


def find_files(folder, request, params_file=None):
    """Find the arrays of a request and the table of their parameters.

    Parameters
    ----------
    folder : pathlib.Path
        Folder with the files, or with the sub-folders of the archive.
    request : CMDRequest
        What to find.
    params_file : pathlib.Path, default=None
        Table to take; None looks for it.

    Returns
    -------
    arrays : list of pathlib.Path
        File of each field.
    table : pathlib.Path
        Table of parameters; that which lies beside the arrays is preferred.

    Raises
    ------
    DatasetNotFoundError
        If there is no such folder, or a file is not in it.
    DatasetFormatError
        If the arrays lie beside tables that differ.
    """
    if not folder.is_dir():
        raise DatasetNotFoundError(
            f"load_cmd found no folder '{folder}' (parameter folder). Give the folder with the "
            f"files of CMD. {_remedy(request)}"
        )
    if params_file is not None and not params_file.is_file():
        raise DatasetNotFoundError(
            f"load_cmd found no file '{params_file}' (parameter params_file). Give the path of a "
            "table of parameters, or None to look for it in the folder."
        )
    folders = request.folders(folder)
    arrays = [_find(folders, request.array_names(field)) for field in request.fields]
    table = params_file or _find_table(folder, arrays, request)
    wanted = [request.array_names(field)[0] for field in request.fields]
    wanted.append(request.table_names()[0])
    missing = [name for name, path in zip(wanted, [*arrays, table], strict=True) if path is None]
    if missing:
        inner = ", ".join(str(path.relative_to(folder)) for path in folders[1:])
        raise DatasetNotFoundError(
            f"load_cmd found no file {missing} in the folder '{folder}' (parameter folder) nor "
            f"in its sub-folders {inner}. {_remedy(request)}"
        )
    return arrays, table


def _find_table(folder, arrays, request):
    """The table beside the arrays, of which all must be alike, or another."""
    beside = dict.fromkeys(path.parent for path in arrays if path is not None)
    found = [_find([parent], request.table_names()) for parent in beside]
    tables = [path for path in found if path is not None]
    if len({path.read_bytes() for path in tables}) > 1:
        raise DatasetFormatError(
            f"load_cmd found the fields {request.fields} beside tables of parameters that differ: "
            f"{[str(path) for path in tables]}; expected equal tables. Bring the arrays of one "
            "release into one folder, or name their table by the parameter params_file."
        )
    if tables:
        return tables[0]
    return _find(request.table_folders(folder), request.table_names())


def _find(folders, names):
    paths = (folder / name for folder in folders for name in names)
    return next((path for path in paths if path.is_file()), None)


def _remedy(request):
    if request.suite == "Mock":
        return "Make mocks with skastro.simulation.make_camels_like, or name the suite you have."
    address = "https://camels-multifield-dataset.readthedocs.io"
    if not request.in_archive:
        cells = "" if request.kind == "maps" else f" and grids of {list(GRID_CELLS)} cells a side"
        return (
            f"The archive has {request.kind} of the redshifts {list(request.redshifts)}{cells} "
            f"only, see {address}; others have to be made, under the names above."
        )
    grids = "" if request.kind == "maps" else f", kind='grids', n_cells={request.n_cells}"
    grids += f", redshift={request.redshift}" if request.redshift else ""
    return (
        f"skastro.datasets.cmd_files({request.fields}, {request.suite!r}, "
        f"{request.set_name!r}{grids}) lists what to download, {address} says from where."
    )
