"""Sets in tables of pictures and classes, as the datasets of Hugging Face are (parquet)."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from slimdc._checks import shown
from slimdc._files import regular_file
from slimdc.datasets.image_stack import Encoded, encoded, stacked
from slimdc.errors import FileError, MissingLibraryError
from slimdc.parameterization import SlimmableDataset
from slimdc.storage.atomic import replace
from slimdc.storage.foreign.outgoing import classes_from, pictures
from slimdc.storage.foreign.published import Asked, Published, classes_of

__all__ = ["fits_parquet", "joined", "opened", "opened_folder", "take_parquet", "write_parquet"]

_IMAGE, _LABEL = "image", "label"
_METADATA = b"huggingface"


def opened(path: Path) -> Any:
    """Open a table; only its two columns are read where it has them.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    FileError
        It cannot be read, or is damaged.
    MissingLibraryError
        pyarrow is not installed.

    Examples
    --------
    >>> opened(Path("train-00000-of-00001.parquet"))  # doctest: +SKIP
    """
    parquet = _pyarrow().parquet
    try:
        with regular_file(path).open("rb") as file:
            held = parquet.ParquetFile(file)
            names = held.schema_arrow.names
            columns = [_IMAGE, _LABEL] if {_IMAGE, _LABEL} <= set(names) else None
            table = held.read(columns)
            table.validate(full=True)  # damaged offsets and names would fail later, where used
            return table
    except FileError:
        raise
    except Exception as error:  # pyarrow's errors are of many classes, and OSError is among them
        raise FileError(str(path), f"a damaged table ({error})", "a file of parquet") from error


def opened_folder(folder: Path) -> Any:
    """Open the tables of a folder, or of ``data/`` in it, as parts of one set.

    Parameters
    ----------
    folder : pathlib.Path
        It holds the files of one split.

    Returns
    -------
    pyarrow.Table
        All rows, files in the order of their names.

    Raises
    ------
    FileError
        There are files of several splits, or some that do not fit each other; see `opened`.
    MissingLibraryError
        pyarrow is not installed.

    Examples
    --------
    >>> opened_folder(Path("my-set"))  # doctest: +SKIP
    """
    found = sorted(folder.glob("*.parquet")) or sorted((folder / "data").glob("*.parquet"))
    splits = sorted({path.name.partition("-")[0] for path in found})
    if len(splits) > 1:
        raise FileError(
            str(folder),
            f"files of {', '.join(splits[:5])}, which may be parts of one set or not",
            "one of these files as the path, or a list of those that are parts",
        )
    return joined([opened(path) for path in found], str(folder))


def joined(tables: list[Any], source: str) -> Any:
    """Put tables after each other."""
    if len(tables) == 1:
        return tables[0]
    try:
        return _pyarrow().concat_tables(tables)
    except Exception as error:
        raise FileError(source, f"tables of several kinds ({error})", "parts of one set") from error


def fits_parquet(content: Any) -> bool:
    """Tell a table with the columns ``image`` and ``label``."""
    return {_IMAGE, _LABEL} <= set(content.schema.names)


def take_parquet(content: Any, asked: Asked) -> Published:
    """Decode the pictures, and take their classes and the number of these where it is known."""
    source = asked.source
    if not content.num_rows:
        raise FileError(source, "no rows", "at least one sample")
    column = content.column(_LABEL)
    if column.null_count or "int" not in str(column.type):
        found = f"labels of type {column.type} with {column.null_count} missing"
        raise FileError(source, found, "an int for each row")
    y = classes_of(column.to_numpy(), content.num_rows, source)
    sources = [
        Encoded(f"{source}, row {i}", _bytes_of(cell.as_py(), f"{source}, row {i}"))
        for i, cell in enumerate(content.column(_IMAGE))
    ]
    x, names = stacked(sources, argument=source), _names(content)
    if len(names) <= int(y.max()):
        return Published(x, y, "channels_last")
    numbers = names == [str(i) for i in range(len(names))]
    return Published(x, y, "channels_last", len(names), () if numbers else names)


def write_parquet(data: SlimmableDataset, path: Path) -> None:
    """Write a table of PNG pictures and classes, with the metadata of Hugging Face.

    Raises
    ------
    MissingLibraryError
        pyarrow or Pillow is not installed.
    """
    arrow = _pyarrow()
    x, classes = pictures(data), classes_from(data, "parquet")
    rows = [{"bytes": encoded(pixels), "path": f"{i:06d}.png"} for i, pixels in enumerate(x)]
    kind = arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())])
    named = data.description.named
    names = [named.get(i, str(i)) for i in range(data.label_entries)]
    features = {
        _IMAGE: {"_type": "Image"},
        _LABEL: {"names": names, "_type": "ClassLabel"},
    }
    table = arrow.table(
        {_IMAGE: arrow.array(rows, kind), _LABEL: arrow.array(classes, arrow.int64())}
    ).replace_schema_metadata({_METADATA: json.dumps({"info": {"features": features}})})
    held = io.BytesIO()
    arrow.parquet.write_table(table, held)
    replace(path, held.getvalue())


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingLibraryError(
            "format", "no pyarrow", "it installed: pip install 'slimdc[parquet]'"
        ) from error
    return pyarrow


def _bytes_of(cell: Any, source: str) -> bytes:
    held = cell.get("bytes") if isinstance(cell, dict) else cell
    if not isinstance(held, bytes):
        raise FileError(source, f"{shown(cell)}, which holds no picture", "the bytes of a picture")
    return held


def _names(content: Any) -> list[Any]:
    """Read the names that the metadata give the classes, if they do."""
    try:
        features = json.loads(content.schema.metadata[_METADATA])["info"]["features"]
        names = features[_LABEL]["names"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return []
    return names if isinstance(names, list) else []
