"""Packs parts of a checkout into a tar file and prints the digest of what is in it.

pack.py CHECKOUT FILE PART…   A part may be a pattern. The same content gives the same digest.
"""

from __future__ import annotations

import hashlib
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

SECRET = ("alertmanager/secrets/", "gateway/certificates/")
LEFT_OUT = {".git", ".venv", "__pycache__", "build", "dist", "mlruns"}


def find_files(checkout: Path, path: Path) -> Iterator[Path]:
    """The path itself or what lies in it, but for what only this computer needs."""
    if path.is_file():
        yield path
        return
    for child in sorted(path.iterdir()):
        name = str(child.relative_to(checkout))
        if child.is_symlink() or child.name in LEFT_OUT or child.name.endswith(".egg-info"):
            continue
        # what a computer keeps that serves itself
        if name.startswith(SECRET) and child.name != ".gitignore":
            continue
        yield from find_files(checkout, child)


def pack(checkout: Path, target: Path, parts: list[str]) -> str:
    """Writes the file and gives the digest of its content."""
    digest = hashlib.sha256()
    with tarfile.open(target, "w") as archive:
        for found in sorted({path for part in parts for path in checkout.glob(part)}):
            for path in find_files(checkout, found):
                entry = tarfile.TarInfo(str(path.relative_to(checkout)))
                entry.size = path.stat().st_size
                entry.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
                with path.open("rb") as content:
                    archive.addfile(entry, content)
                digest.update(f"{entry.name} {entry.mode} ".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.stdout.write(pack(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]) + "\n")
