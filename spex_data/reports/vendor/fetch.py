"""Fetches the bundled library from npm's registry and keeps it if its hash is pinned: `make vendor`."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Writes the file and its licence; 1 if the hash is another than the pinned one."""
    pinned = json.loads((HERE / "pinned.json").read_text())
    package = f"{pinned['name']}@{pinned['version']}"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", package, "--silent", "--pack-destination", folder], check=True)
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as files:
            content = {name: _read(files, f"package/{name}") for name in (pinned["file"], "LICENSE")}
    found = hashlib.sha256(content[pinned["file"]]).hexdigest()
    if found != pinned["sha256"]:
        print(f"{package}: {pinned['file']} has SHA-256 {found}, pinned is {pinned['sha256']}: not kept")
        return 1
    (HERE / Path(pinned["file"]).name).write_bytes(content[pinned["file"]])
    (HERE / f"LICENSE.{pinned['name']}").write_bytes(content["LICENSE"])
    print(f"{package}: {len(content[pinned['file']]):,} bytes, hash as pinned")
    return 0


def _read(files: tarfile.TarFile, name: str) -> bytes:
    member = files.extractfile(name)
    if member is None:
        raise FileNotFoundError(name)
    return member.read()


if __name__ == "__main__":
    sys.exit(main())
