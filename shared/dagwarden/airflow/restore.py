"""Brings back, whole and read-only, a release that no agent keeps any more."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from dagwarden.cloud.clients import Cloud
from dagwarden.ledger.read import Ledger
from dagwarden.names import EnvironmentName, ReleaseNumber
from dagwarden.settings import Settings
from dagwarden.sync.apply import lay
from dagwarden.sync.durable import FOLDER_MODE, make_folder, on_disk
from dagwarden.sync.fetch import fetch_all
from dagwarden.sync.plan import within
from dagwarden.sync.trees import tree_name


def restore_release(
    settings: Settings, environment: EnvironmentName, number: ReleaseNumber, folders: tuple[str, ...], into: Path
) -> Path:
    """The release's folders lie in a folder of `into` afterwards, as the ledger has them; it is returned.

    One that was restored there before is used as it is. The caller sees to it that nobody else does the same just now.

    Raises:
        NotFound: there is no such release.
        Tampered: the ledger or the store do not hold together.
        Transient, AccessDenied: ledger or disk refused.
    """
    with on_disk("restore release", into):
        for standing in into.glob(f"{number:010d}-*"):
            return standing
        ledger = Ledger(Cloud(settings))
        target = fetch_all(ledger, ledger.read(environment, number))
        into.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=".new-", dir=into))
        try:
            staged.chmod(FOLDER_MODE)
            for folder in folders:
                make_folder(staged / folder)
            lay(staged, within(target.changes, folders), target.contents, is_synced=False)
            return staged.rename(into / tree_name(number, target.signed.digest))
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise
