"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Put bytes in a file's place: a reader finds the old file or the new one, never a part.

    The bytes go to a new file in the same directory, which then takes the old one's name and permissions. A link is
    followed; what is no ordinary file (a device, a pipe) is written to as it is. Raises `OSError`.
    """
    target = os.path.realpath(path)
    mode = os.stat(target).st_mode if os.path.exists(target) else None
    if mode is not None and not stat.S_ISREG(mode):
        with open(target, "wb") as file:
            file.write(data)
        return
    directory, name = os.path.split(target)
    beside = os.path.join(directory, f".{name[:50]}.{secrets.token_hex(6)}.tmp")
    try:
        with open(beside, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(beside, stat.S_IMODE(mode))
        os.replace(beside, target)
    except BaseException:
        if os.path.exists(beside):
            os.unlink(beside)
        raise


__all__ = ["write_whole"]
