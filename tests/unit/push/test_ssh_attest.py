"""Who holds an SSH key that the policy names pushes in its owner's name, for that push alone."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.push.ssh_keys import arm, disarm, make_key, read_line, sign, write_envelope

from dagwarden.errors import AccessDenied, InvalidInput, Permanent
from dagwarden.names import EnvironmentName, PushId
from dagwarden.policy.signers import Signer
from dagwarden.policy.verdict import Principal
from dagwarden.push.ssh_attest import sign_with_key, verify_ssh_attestation
from dagwarden.push.ssh_key import pack_string, read_key_line
from dagwarden.push.ssh_signature import BEGIN, END, put_in_one_line

PROD = EnvironmentName("prod")
PUSH = PushId("ab" * 32)
NOON = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)
SPACE = "dagwarden:prod"
KINDS = {
    "ed25519": ("-t", "ed25519"),
    "rsa": ("-t", "rsa", "-b", "2048"),
    "ecdsa256": ("-t", "ecdsa", "-b", "256"),
    "ecdsa384": ("-t", "ecdsa", "-b", "384"),
    "ecdsa521": ("-t", "ecdsa", "-b", "521"),
}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ann's key."""
    return make_key(tmp_path_factory.mktemp("keys"), "ann", "-t", "ed25519")


@pytest.fixture(scope="module")
def rsa_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another key of hers."""
    return make_key(tmp_path_factory.mktemp("keys"), "ann-rsa", "-t", "rsa", "-b", "2048")


def ann(*lines: str, **more: object) -> Signer:
    return Signer(principal="ann@acme.example", keys=lines, **more)  # type: ignore[arg-type]


def verify(armor: str, *signers: Signer, created_at: dt.datetime = NOON, at: dt.datetime = NOON) -> Principal:
    return verify_ssh_attestation(armor, PUSH, PROD, signers, created_at=created_at, at=at)


def line_of(public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | dsa.DSAPublicKey) -> str:
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def signed_part(hash_name: str = "sha512") -> bytes:
    """What is signed for PUSH."""
    parts = (SPACE.encode(), b"", hash_name.encode(), hashlib.new(hash_name, PUSH.encode()).digest())
    return b"SSHSIG" + b"".join(map(pack_string, parts))


@pytest.mark.parametrize("kind", KINDS)
def test_what_openssh_signs_names_the_owner_of_the_key(kind: str, tmp_path: Path) -> None:
    key = make_key(tmp_path, kind, *KINDS[kind])
    shown = subprocess.run(["ssh-keygen", "-l", "-f", key], capture_output=True, text=True, check=True).stdout.split()[
        1
    ]
    found = verify(sign(key, PUSH, SPACE), ann(read_line(key)))
    assert found == Principal(name="ann@acme.example", attested_by="ssh", key_id=shown)


def test_the_pusher_signs_what_the_gate_verifies(key: Path) -> None:
    armor = sign_with_key(str(key), PUSH.encode(), SPACE)
    assert "\n" not in armor
    assert verify(armor, ann(read_line(key))).name == "ann@acme.example"


def test_a_key_that_only_an_agent_holds_signs_by_its_public_half(
    key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.PIPE)
    try:
        assert agent.stdout is not None
        agent.stdout.readline()  # it listens
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        subprocess.run(["ssh-add", "-q", str(key)], check=True, timeout=30)
        public = tmp_path / "only.pub"
        public.write_text(read_line(key))
        assert verify(sign_with_key(str(public), PUSH.encode(), SPACE), ann(read_line(key))).attested_by == "ssh"
    finally:
        agent.terminate()
        agent.wait(timeout=30)
        agent.stdout.close()  # type: ignore[union-attr]


def test_a_key_that_is_not_there_is_said_to_sign_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="did not sign"):
        sign_with_key(str(tmp_path / "none"), PUSH.encode(), SPACE)


def test_sha256_over_the_message_is_taken_as_well(key: Path) -> None:
    assert verify(sign(key, PUSH, SPACE, "-O", "hashalg=sha256"), ann(read_line(key))).attested_by == "ssh"


@pytest.mark.parametrize(
    ("message", "namespace", "why"),
    [
        (PUSH, "dagwarden:test", "not for dagwarden:prod"),
        (PUSH, "git", "not for dagwarden:prod"),
        (PUSH, "dagwarden:prod:approval", "not for dagwarden:prod"),
        ("cd" * 32, SPACE, "does not hold for this push"),
        (PUSH + "\n", SPACE, "does not hold for this push"),
        ("", SPACE, "does not hold for this push"),
    ],
)
def test_a_signature_over_something_else_is_denied(key: Path, message: str, namespace: str, why: str) -> None:
    with pytest.raises(AccessDenied, match=why):
        verify(sign(key, message, namespace), ann(read_line(key)))


def test_a_key_nobody_named_is_denied(key: Path, rsa_key: Path) -> None:
    for signers in ((), (ann(read_line(rsa_key)),)):
        with pytest.raises(AccessDenied, match="is a key of nobody"):
            verify(sign(key, PUSH, SPACE), *signers)


def test_keys_count_from_their_first_day_until_their_last(key: Path) -> None:
    armor, line = sign(key, PUSH, SPACE), read_line(key)
    day = NOON.date()
    assert verify(armor, ann(line, valid_after=day, valid_before=day + dt.timedelta(days=1)))
    with pytest.raises(AccessDenied, match="counts no more since 2026-01-02"):
        verify(armor, ann(line, valid_before=day))
    with pytest.raises(AccessDenied, match="counts from 2026-01-03 only"):
        verify(armor, ann(line, valid_after=day + dt.timedelta(days=1)))
    renewed = ann(line, valid_after=day)
    assert verify(armor, ann(line, valid_before=day), renewed), "of two entries one is in force"


def test_a_key_signs_what_its_entry_names_and_nothing_else(key: Path) -> None:
    armor, line = sign(key, PUSH, SPACE), read_line(key)
    assert verify(armor, ann(line, namespaces=("dagwarden:prod",)))
    for namespaces in (("git",), ("dagwarden:test",), ()):
        with pytest.raises(AccessDenied, match="may not sign `dagwarden:prod`"):
            verify(armor, ann(line, namespaces=namespaces))


def test_a_signature_is_good_for_an_hour_after_the_push_was_made(key: Path) -> None:
    armor, signer = sign(key, PUSH, SPACE), ann(read_line(key))
    assert verify(armor, signer, at=NOON + dt.timedelta(minutes=61))
    with pytest.raises(AccessDenied, match="before the push arrived"):
        verify(armor, signer, at=NOON + dt.timedelta(minutes=62))
    assert verify(armor, signer, at=NOON - dt.timedelta(seconds=60))
    with pytest.raises(AccessDenied, match="future"):
        verify(armor, signer, at=NOON - dt.timedelta(seconds=62))


@pytest.mark.parametrize("cut", [0, 1, 5, 9, 13, 20, 60, 80, 100, 120, 150, -1])
def test_a_signature_cut_short_is_none(key: Path, cut: int) -> None:
    with pytest.raises(InvalidInput):
        verify(arm(disarm(sign(key, PUSH, SPACE))[:cut]), ann(read_line(key)))


@pytest.mark.parametrize(
    "bend",
    [
        lambda armor: armor.replace(END, ""),
        lambda armor: armor.replace(BEGIN, "-----BEGIN PGP SIGNATURE-----"),
        lambda armor: armor + armor,
        lambda armor: armor.replace("U1NIU0lH", "U1NIU0lI"),
        lambda armor: armor.replace("=", "").replace(END, "!" + END),
        lambda armor: arm(disarm(armor) + b"\0"),
        lambda armor: armor.replace("\n", "\n" + " " * 7000, 1),
        lambda armor: arm(b"SSHSIG\0\0\0\1\xff\xff\xff\xff" + disarm(armor)),
    ],
)
def test_a_bent_signature_is_none(key: Path, bend: object) -> None:
    assert callable(bend)
    with pytest.raises(InvalidInput):
        verify(bend(sign(key, PUSH, SPACE)), ann(read_line(key)))


def test_every_flipped_bit_breaks_it(key: Path) -> None:
    content, signer = disarm(sign(key, PUSH, SPACE)), ann(read_line(key))
    for place in range(len(content)):
        bent = bytes([*content[:place], content[place] ^ 1, *content[place + 1 :]])
        with pytest.raises(Permanent):
            verify(arm(bent), signer)


def test_rsa_with_sha1_is_refused_though_it_holds() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    line = line_of(private.public_key())
    blob = read_key_line(line).blob
    for kind, algorithm in (("ssh-rsa", hashes.SHA1()), ("rsa-sha2-512", hashes.SHA256())):
        raw = private.sign(signed_part(), padding.PKCS1v15(), algorithm)
        armor = arm(write_envelope(blob, pack_string(kind.encode()) + pack_string(raw)))
        with pytest.raises(Permanent, match=r"is no signature that ssh-rsa makes|does not hold"):
            verify(armor, ann(line))
    raw = private.sign(signed_part(), padding.PKCS1v15(), hashes.SHA512())
    assert verify(arm(write_envelope(blob, pack_string(b"rsa-sha2-512") + pack_string(raw))), ann(line))


@pytest.mark.parametrize(
    "said", [{"version": 2}, {"namespace": ""}, {"hash_name": "sha1"}, {"hash_name": "md5"}, {"hash_name": "shake_128"}]
)
def test_an_envelope_of_another_making_is_refused(key: Path, said: dict[str, object]) -> None:
    blob = read_key_line(read_line(key)).blob
    signature = pack_string(b"ssh-ed25519") + pack_string(b"\0" * 64)
    with pytest.raises(InvalidInput):
        verify(arm(write_envelope(blob, signature, **said)), ann(read_line(key)))  # type: ignore[arg-type]


def test_a_certificate_does_not_pass_for_its_key(key: Path, tmp_path: Path) -> None:
    authority = make_key(tmp_path, "ca", "-t", "ed25519")
    (tmp_path / "ann").write_bytes(key.read_bytes())
    (tmp_path / "ann").chmod(0o600)
    (tmp_path / "ann.pub").write_text(read_line(key))
    command = ["ssh-keygen", "-q", "-s", authority, "-I", "ann", "-n", "ann", tmp_path / "ann.pub"]
    subprocess.run(command, check=True, timeout=30, capture_output=True)
    line = (tmp_path / "ann-cert.pub").read_text()
    with pytest.raises(InvalidInput, match="certificates are not taken"):
        read_key_line(line)
    blob = base64.b64decode(line.split()[1])
    with pytest.raises(InvalidInput, match="certificates are not taken"):
        verify(arm(write_envelope(blob, pack_string(b"ssh-ed25519") + pack_string(b"\0" * 64))), ann(read_line(key)))


def write_hardware_signature(private: ed25519.Ed25519PrivateKey, flags: int, counter: int = 7) -> bytes:
    said = bytes([flags]) + counter.to_bytes(4)
    raw = private.sign(hashlib.sha256(b"ssh:").digest() + said + hashlib.sha256(signed_part()).digest())
    return pack_string(b"sk-ssh-ed25519@openssh.com") + pack_string(raw) + said


def test_a_hardware_key_counts_only_when_touched() -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    kind = b"sk-ssh-ed25519@openssh.com"
    raw = private.public_key().public_bytes_raw()
    blob = pack_string(kind) + pack_string(raw) + pack_string(b"ssh:")
    signer = ann(f"{kind.decode()} {base64.b64encode(blob).decode()} yubikey")
    assert verify(arm(write_envelope(blob, write_hardware_signature(private, 1))), signer).attested_by == "ssh"
    with pytest.raises(AccessDenied, match="does not hold"):
        verify(arm(write_envelope(blob, write_hardware_signature(private, 0))), signer)
    with pytest.raises(InvalidInput, match="follows its end"):
        verify(arm(write_envelope(blob, write_hardware_signature(private, 1) + b"\0")), signer)
    other = pack_string(kind) + pack_string(raw) + pack_string(b"ssh:other")
    with pytest.raises(AccessDenied, match="key of nobody"):
        verify(arm(write_envelope(other, write_hardware_signature(private, 1))), signer)


def test_an_ecdsa_hardware_key_counts_when_touched() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    kind = b"sk-ecdsa-sha2-nistp256@openssh.com"
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    blob = pack_string(kind) + pack_string(b"nistp256") + pack_string(point) + pack_string(b"ssh:")
    said = b"\1\0\0\0\7"
    content = hashlib.sha256(b"ssh:").digest() + said + hashlib.sha256(signed_part()).digest()
    numbers = utils.decode_dss_signature(private.sign(content, ec.ECDSA(hashes.SHA256())))
    raw = b"".join(pack_string(number.to_bytes(33)) for number in numbers)
    armor = arm(write_envelope(blob, pack_string(kind) + pack_string(raw) + said))
    assert verify(armor, ann(f"{kind.decode()} {base64.b64encode(blob).decode()}")).attested_by == "ssh"


@pytest.mark.parametrize("numbers", [(0, 0), (1, 0), (-5, 7)])
def test_ecdsa_numbers_that_are_not_positive_are_refused(numbers: tuple[int, int]) -> None:
    line = line_of(ec.generate_private_key(ec.SECP256R1()).public_key())
    raw = b"".join(pack_string(number.to_bytes(2, signed=True)) for number in numbers)
    armor = arm(write_envelope(read_key_line(line).blob, pack_string(b"ecdsa-sha2-nistp256") + pack_string(raw)))
    with pytest.raises(InvalidInput, match="not positive"):
        verify(armor, ann(line))


def test_in_one_line_it_is_the_same(key: Path) -> None:
    armor = sign(key, PUSH, SPACE)
    assert verify(put_in_one_line(armor), ann(read_line(key))) == verify(armor, ann(read_line(key)))


@given(st.binary(max_size=300))
def test_any_bytes_in_armor_are_refused(content: bytes) -> None:
    for begun in (content, b"SSHSIG\0\0\0\1" + content):
        with pytest.raises(Permanent):
            verify(arm(begun))


@given(st.text(max_size=300))
def test_any_text_is_refused(text: str) -> None:
    for whole in (text, f"{BEGIN}{text}{END}"):
        with pytest.raises(Permanent):
            verify(whole)
