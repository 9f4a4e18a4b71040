"""A policy that loads names only keys that can be counted on."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.unit.policy.cases import make_policy

from dagwarden.errors import InvalidInput
from dagwarden.push.ssh_key import pack_string

GOOD = ed25519.Ed25519PrivateKey.from_private_bytes(b"\1" * 32).public_key()
LINE = GOOD.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
SHORT = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
SHORT_LINE = SHORT.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
DSA = f"ssh-dss {base64.b64encode(pack_string(b'ssh-dss') + pack_string(b'x') * 4).decode()}"


def signers(*lines: str, more: str = "", principal: str = "ann@acme.example") -> str:
    keys = "".join(f"      - {line}\n" for line in lines)
    return f"signers:\n  - principal: {principal}\n    keys:\n{keys}{more}"


def test_keys_are_read_as_they_stand_in_their_files() -> None:
    policy = make_policy(signers(f"{LINE} ann@laptop", more="    valid_before: 2027-01-01\n"))
    [signer] = policy.signers
    assert (signer.principal, signer.namespaces) == ("ann@acme.example", ("dagwarden:*", "git"))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (SHORT_LINE, "it has 1,024 bits"),
        (DSA, "'ssh-dss' is no kind of key"),
        ("ssh-ed25519-cert-v01@openssh.com AAAA", "certificates are not taken"),
        ("ssh-ed25519", "it ends too early"),
        ("ssh-ed25519 !!!!", "no base64"),
        (LINE[:-8], "no sound ssh-ed25519 key"),
        (LINE.replace("ssh-ed25519", "ssh-rsa"), "it says ssh-rsa and is ssh-ed25519"),
        ("AAAA ssh-ed25519", "is no kind of key"),
    ],
)
def test_a_key_that_cannot_count_is_a_fault_with_its_line(line: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as caught:
        make_policy(signers(LINE, line))
    assert caught.value.message.startswith("policy.yaml:12: no key of ann@acme.example")


def test_one_key_says_who_somebody_is() -> None:
    other = signers(LINE, principal="bob@acme.example").removeprefix("signers:\n")
    with pytest.raises(InvalidInput, match=r"policy\.yaml:14: the key SHA256:.* is ann@acme\.example's already"):
        make_policy(signers(LINE) + other)
    assert len(make_policy(signers(LINE) + signers(LINE).removeprefix("signers:\n")).signers) == 2


def test_a_time_that_ends_before_it_begins_is_a_fault() -> None:
    with pytest.raises(InvalidInput, match="never count"):
        make_policy(signers(LINE, more="    valid_after: 2027-01-01\n    valid_before: 2026-01-01\n"))


@pytest.mark.parametrize("principal", ["'*@acme.example'", "'ann, bob'", "''", '"ann\\n"'])
def test_a_principal_is_one_name(principal: str) -> None:
    with pytest.raises(InvalidInput):
        make_policy(signers(LINE, principal=principal))
