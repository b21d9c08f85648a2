"""Arrays by name in a safetensors file."""

import contextlib
import json

import numpy as np

from fastnn._settings import check_dtype
from fastnn.io.atomic import replacing


def save_tensors(tensors, path, *, metadata=None) -> None:
    """Write arrays to a safetensors file, which PyTorch, JAX and others read.

    The file is written beside the old one and then takes its place, so that at any moment one
    of the two is there, whole. The same arrays and metadata give the same bytes.

    Parameters
    ----------
    tensors : dict of str to array
        Of any strides; floating, integer or boolean.
    path : str or path-like
    metadata : dict of str to str, optional
        Text for the file's header.

    Raises
    ------
    TypeError
        If a name or metadata isn't text, or an array isn't one.
    OSError
        If the file can't be written; the old one is still there.

    Examples
    --------
    >>> import pathlib, tempfile, numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "weights.safetensors")
    ...     save_tensors({"0.weight": np.ones((2, 3), np.float32)}, path)
    ...     load_tensors(path)["0.weight"].shape
    (2, 3)
    """
    from safetensors import numpy as safetensors

    metadata = dict(metadata or {})
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"metadata: expected strings, got {key!r}: {value!r}")
    arrays = {}
    for name, value in tensors.items():
        if not isinstance(name, str):
            raise TypeError(f"tensors: expected names that are strings, got {name!r}")
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
            what = getattr(value, "dtype", type(value).__name__)
            raise TypeError(f"tensors[{name!r}]: expected an array of numbers, got {what}")
        # safetensors copies memory as it lies there, whatever the strides.
        arrays[name] = np.asarray(value, order="C")
    content = _sort_metadata(safetensors.save(arrays, metadata))
    with replacing(path) as file:
        file.write(content)


def load_tensors(path, *, dtype=None) -> dict[str, np.ndarray]:
    """Read the arrays of a safetensors file, whoever wrote it.

    Parameters
    ----------
    path : str or path-like
    dtype : {"float32", "float64"}, optional
        What all floating arrays are converted to, bfloat16 included, which NumPy doesn't have; by
        default none is.

    Returns
    -------
    dict of str to array
        In the types and shapes of the file; for ``model.load_state_dict``, if the names fit.

    Raises
    ------
    TypeError
        If the dtype is another one.
    ValueError
        If the file is damaged or of another kind, or holds a type that NumPy doesn't have.
    OSError
        If it can't be read.
    """
    dtype = dtype if dtype is None else check_dtype(dtype)
    arrays = _read(path, halves=dtype is not None)[1]
    if dtype is None:
        return arrays
    return {n: a.astype(dtype, copy=False) if a.dtype.kind == "f" else a for n, a in arrays.items()}


def read_header(path) -> dict[str, str]:
    """The metadata of a safetensors file; errors are those of `load_tensors`."""
    return _read(path, tensors=False)[0]


def read_file(path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Metadata and arrays out of one and the same file, which may be replaced meanwhile."""
    return _read(path)


def _read(path, tensors=True, halves=False):
    with _opened(path) as file:
        names = file.keys() if tensors else ()
        arrays = {}
        if halves and any(file.get_slice(name).get_dtype() == "BF16" for name in names):
            arrays = _read_bfloat16(path)
        for name in names:
            if name in arrays:
                continue
            try:
                arrays[name] = file.get_tensor(name)
            except (TypeError, AttributeError) as error:  # what NumPy says of bfloat16, float8
                raise ValueError(
                    f"{path}: expected types that NumPy has, got {name!r}: {error}"
                ) from error
        return file.metadata() or {}, arrays


def _read_bfloat16(path) -> dict[str, np.ndarray]:
    """The arrays that are stored so, as float32, of which bfloat16 is the upper half."""
    import safetensors

    with open(path, "rb") as file:
        stored = safetensors.deserialize(file.read())
    return {
        name: (np.frombuffer(part["data"], "<u2").astype(np.uint32) << 16)
        .view(np.float32)
        .reshape(part["shape"])
        for name, part in stored
        if part["dtype"] == "BF16"
    }


@contextlib.contextmanager
def _opened(path):
    import safetensors

    with open(path, "rb"):  # raises with the file's name, which safetensors leaves out
        pass
    try:
        with safetensors.safe_open(path, framework="np") as file:
            yield file
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path}: expected an intact safetensors file, got: {error}") from error


def _sort_metadata(content: bytes) -> bytes:
    # A file is the length of its header (8 bytes, little-endian), the header in JSON, and the
    # arrays. safetensors writes metadata in the order of a hash table, new in each process.
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    if "__metadata__" in header:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # arrays begin at a multiple of their items' size
    return len(text).to_bytes(8, "little") + text + content[8 + size :]
