"""Certificates of all kinds, made on the spot with openssl."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

_CA: Final = """\
[ca]
default_ca = this
[this]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
copy_extensions = none
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = DNS:localhost
"""

DATES: Final = {
    "good": ("20200101000000Z", "20991231000000Z"),
    "expired": ("20200101000000Z", "20210101000000Z"),
    "early": ("20980101000000Z", "20991231000000Z"),
}


def make_certificates(folder: Path) -> None:
    """Write `ca.pem`, a stranger `other.pem`, and for localhost `good.pem`, `expired.pem`, `early.pem` with
    the key `server.key`.
    """
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here")

    def run(*arguments: str) -> None:
        done = subprocess.run([openssl, *arguments], capture_output=True, cwd=folder, check=False)
        assert done.returncode == 0, done.stderr.decode()

    new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for name in ("ca", "other"):
        run(
            *new,
            "-x509",
            "-days",
            "9999",
            "-subj",
            f"/CN={name}",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.pem",
        )
    run(*new, "-subj", "/CN=server", "-keyout", "server.key", "-out", "server.csr")
    (folder / "index.txt").touch()
    (folder / "serial").write_text("01\n")
    (folder / "ca.cnf").write_text(_CA)
    sign = ["ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key"]
    for name, (begin, end) in DATES.items():
        run(*sign, "-in", "server.csr", "-startdate", begin, "-enddate", end, "-out", f"{name}.pem")
