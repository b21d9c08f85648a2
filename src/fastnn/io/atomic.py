"""Files that are the old one or the new one, whole, whatever happens while they are written."""

import contextlib
import os
import stat


@contextlib.contextmanager
def replacing(path):
    """Open a binary file that takes the place of `path` once the block ends without an error.

    The old file stays as it is until then, and for good if the block raises or the process is
    killed (a kill leaves a ``.fastnn-*.tmp`` beside it). The new one has the old one's mode, or
    what the umask says; links are followed; devices and pipes are written to, not replaced.

    Parameters
    ----------
    path : str or path-like

    Raises
    ------
    OSError
        Naming `path`, if it can't be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "notes")
    ...     with replacing(path) as file:
    ...         _ = file.write(b"new")
    ...     path.read_bytes()
    b'new'
    """
    path = os.fspath(path)
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and not stat.S_ISREG(mode):
        with open(path, "wb") as file:
            yield file
        return
    if mode is not None and not os.access(path, os.W_OK):
        # The folder alone decides whether a file can be replaced, but its mode says not to.
        raise PermissionError(13, os.strerror(13), path)
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    # In the same folder, because a rename across file systems isn't one. Opened by `open`:
    # what `tempfile` creates is for its owner alone, whatever the umask says.
    temporary = os.path.join(folder, f".fastnn-{os.urandom(8).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            if mode is not None:
                os.chmod(temporary, stat.S_IMODE(mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            error.filename = path
            del error.filename2  # None would be shown
        raise
    _sync_folder(folder)


def check_writable(path) -> None:
    """Raise OSError unless `replacing` could write `path` now. Leaves everything as it is."""
    with contextlib.suppress(_Rehearsal), replacing(path):
        raise _Rehearsal


class _Rehearsal(Exception):
    pass


def _sync_folder(folder: str) -> None:
    # The rename is in the folder's data; other systems than POSIX can't open one.
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
