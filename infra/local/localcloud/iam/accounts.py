"""Service accounts and their keys, kept in the state."""

from __future__ import annotations

import re
import secrets
import sqlite3
import time

import msgspec

from localcloud.iam import keys
from localcloud.rest import ApiError
from localcloud.state import State

_SCHEMA = """
CREATE TABLE IF NOT EXISTS service_accounts (
    email TEXT PRIMARY KEY, project TEXT NOT NULL, unique_id TEXT NOT NULL UNIQUE, display_name TEXT NOT NULL,
    description TEXT NOT NULL, is_disabled INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS service_account_keys (
    key_id TEXT PRIMARY KEY, owner TEXT NOT NULL, is_system_managed INTEGER NOT NULL, private_pem TEXT,
    certificate_pem TEXT NOT NULL, valid_after INTEGER NOT NULL, valid_before INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS service_account_keys_by_owner ON service_account_keys (owner);
"""

_ACCOUNT_ID = re.compile(r"[a-z](?:[-a-z0-9]{4,28})[a-z0-9]")
"""Source: iam.googleapis.com CreateServiceAccount, `accountId`: 6 to 30 characters."""

_TEN_YEARS_S = 10 * 365 * 86400
_MAX_KEYS = 10
"""Source: IAM quotas: 10 user-managed keys per service account."""


class Account(msgspec.Struct, frozen=True):
    """One service account."""

    email: str
    project: str
    unique_id: str
    display_name: str
    description: str
    is_disabled: bool


class Key(msgspec.Struct, frozen=True):
    """One key pair of an owner. `private_pem` is kept of system-managed keys only."""

    key_id: str
    owner: str
    is_system_managed: bool
    private_pem: str | None
    certificate_pem: str
    valid_after: int
    valid_before: int


class Accounts:
    """The service accounts of all projects."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.db.executescript(_SCHEMA)

    def create(self, project: str, account_id: str, display_name: str = "", description: str = "") -> Account:
        """The account `ACCOUNT_ID@PROJECT.iam.gserviceaccount.com` exists afterwards.

        Raises:
            ApiError: the id is none, or the account exists.
        """
        if not _ACCOUNT_ID.fullmatch(account_id):
            raise ApiError("INVALID_ARGUMENT", f"The account ID {account_id!r} does not match {_ACCOUNT_ID.pattern}.")
        email = f"{account_id}@{project}.iam.gserviceaccount.com"
        unique_id = "1" + "".join(secrets.choice("0123456789") for _ in range(20))
        row = (email, project, unique_id, display_name, description)
        try:
            with self._state.transaction() as db:
                db.execute("INSERT INTO service_accounts VALUES (?, ?, ?, ?, ?, 0)", row)
        except sqlite3.IntegrityError:
            message = f"Service account {account_id} already exists within project projects/{project}."
            raise ApiError("ALREADY_EXISTS", message) from None
        return self.get(email)

    def find(self, email_or_id: str) -> Account | None:
        """The account of that e-mail or unique id, if there is one."""
        row = self._state.db.execute(
            "SELECT * FROM service_accounts WHERE email = ?1 OR unique_id = ?1", (email_or_id,)
        ).fetchone()
        return msgspec.convert(dict(row), Account, strict=False) if row else None

    def get(self, email_or_id: str, project: str = "-") -> Account:
        """The account of that e-mail or unique id.

        Args:
            project: `-` for whichever it is in.

        Raises:
            ApiError: there is none in that project.
        """
        account = self.find(email_or_id)
        if account is None or project not in ("-", account.project):
            raise ApiError("NOT_FOUND", f"Unknown service account: {email_or_id}")
        return account

    def list_in(self, project: str) -> list[Account]:
        """All accounts of a project, by e-mail."""
        rows = self._state.db.execute("SELECT * FROM service_accounts WHERE project = ? ORDER BY email", (project,))
        return [msgspec.convert(dict(row), Account, strict=False) for row in rows]

    def set_disabled(self, email: str, is_disabled: bool) -> None:
        """A disabled account gets no tokens, and those it has are worth nothing."""
        with self._state.transaction() as db:
            db.execute("UPDATE service_accounts SET is_disabled = ? WHERE email = ?", (is_disabled, email))

    def delete(self, email: str) -> None:
        """The account and its keys are gone afterwards."""
        with self._state.transaction() as db:
            db.execute("DELETE FROM service_account_keys WHERE owner = ?", (email,))
            db.execute("DELETE FROM service_accounts WHERE email = ?", (email,))

    def create_key(self, email: str) -> tuple[Key, str]:
        """A new user-managed key; returns it and its private half (PEM), which is kept nowhere.

        Raises:
            ApiError: the account has all the keys it may have.
        """
        if sum(not key.is_system_managed for key in self.keys(email)) >= _MAX_KEYS:
            raise ApiError("FAILED_PRECONDITION", f"Precondition check failed: {email} has {_MAX_KEYS} keys.")
        private_pem = keys.generate_private_key()
        return self._add_key(email, private_pem, is_system_managed=False), private_pem

    def delete_key(self, email: str, key_id: str) -> None:
        """The user-managed key signs nothing any more.

        Raises:
            ApiError: there is no such key.
        """
        with self._state.transaction() as db:
            deleted = db.execute(
                "DELETE FROM service_account_keys WHERE owner = ? AND key_id = ? AND NOT is_system_managed",
                (email, key_id),
            )
        if not deleted.rowcount:
            raise ApiError("NOT_FOUND", f"Unknown key: {key_id}")

    def keys(self, owner: str) -> list[Key]:
        """All keys of `owner`, oldest first."""
        rows = self._state.db.execute("SELECT * FROM service_account_keys WHERE owner = ? ORDER BY rowid", (owner,))
        return [msgspec.convert(dict(row), Key, strict=False) for row in rows]

    def get_key(self, email: str, key_id: str) -> Key:
        """One key of the account.

        Raises:
            ApiError: there is no such key.
        """
        for key in self.keys(email):
            if key.key_id == key_id:
                return key
        raise ApiError("NOT_FOUND", f"Unknown key: {key_id}")

    def certificates(self, owner: str) -> dict[str, str]:
        """Key id -> certificate (PEM) of every key of `owner`."""
        return {key.key_id: key.certificate_pem for key in self.keys(owner)}

    def system_key(self, owner: str) -> Key:
        """The key Google would hold for `owner`; made at its first use. Its `private_pem` is there."""
        held = [key for key in self.keys(owner) if key.is_system_managed]
        return held[0] if held else self._add_key(owner, keys.generate_private_key(), is_system_managed=True)

    def _add_key(self, owner: str, private_pem: str, *, is_system_managed: bool) -> Key:
        now = int(time.time())
        certificate_pem = keys.certify(private_pem, owner, now - 60, now + _TEN_YEARS_S)
        key = Key(
            key_id=keys.name_key(certificate_pem),
            owner=owner,
            is_system_managed=is_system_managed,
            private_pem=private_pem if is_system_managed else None,
            certificate_pem=certificate_pem,
            valid_after=now - 60,
            valid_before=now + _TEN_YEARS_S,
        )
        with self._state.transaction() as db:
            db.execute("INSERT INTO service_account_keys VALUES (?, ?, ?, ?, ?, ?, ?)", msgspec.structs.astuple(key))
        return key
