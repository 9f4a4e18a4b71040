"""Keys and signatures as OpenSSH itself makes them, and bent ones."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

from dagwarden.push.ssh_key import pack_string
from dagwarden.push.ssh_signature import BEGIN, END


def make_key(folder: Path, name: str, *arguments: str) -> Path:
    """A key pair without a passphrase."""
    path = folder / name
    subprocess.run(
        ["ssh-keygen", "-q", *arguments, "-N", "", "-C", f"{name}@desk", "-f", str(path)], check=True, timeout=60
    )
    return path


def read_line(key: Path) -> str:
    """The line of its .pub file."""
    return key.with_suffix(".pub").read_text().strip()


def sign(key: Path, message: str, namespace: str, *options: str) -> str:
    """The armored signature that `ssh-keygen` makes."""
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(key), *options]
    return subprocess.run(command, input=message.encode(), capture_output=True, check=True, timeout=60).stdout.decode()


def arm(content: bytes) -> str:
    """Bytes in a signature's armor."""
    return f"{BEGIN}\n{base64.b64encode(content).decode()}\n{END}\n"


def disarm(armor: str) -> bytes:
    """The bytes in a signature's armor."""
    return base64.b64decode(armor.removeprefix(BEGIN).strip().removesuffix(END))


def write_envelope(
    key: bytes, signature: bytes, *, namespace: str = "dagwarden:prod", hash_name: str = "sha512", version: int = 1
) -> bytes:
    """The bytes of a signature that says this."""
    fields = (key, namespace.encode(), b"", hash_name.encode(), signature)
    return b"SSHSIG" + version.to_bytes(4) + b"".join(map(pack_string, fields))
