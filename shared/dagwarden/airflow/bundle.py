"""A versioned Dag bundle over the trees that an agent keeps: each Dag run stays with the release it was scheduled from.

    [dag_processor]
    dag_bundle_config_list = [{
        "name": "dags", "classpath": "dagwarden.airflow.ReleaseBundle", "kwargs": {"root": "/opt/airflow/releases"}}]
    refresh_interval is taken from the bundle: looking costs one readlink.

Source: airflow.dag_processing.bundles.base of Airflow 3.3 (BaseDagBundle, BundleVersion, BundleVersionLock).
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.dag_processing.bundles.base import BaseDagBundle

from dagwarden.errors import NotFound
from dagwarden.names import NO_RELEASE, ReleaseNumber
from dagwarden.settings import Settings
from dagwarden.sync.pins import Pin, pin
from dagwarden.sync.trees import Root, number_of

if TYPE_CHECKING:
    from airflow.dag_processing.bundles.base import BundleVersion

log = logging.getLogger(__name__)

POLL_S = 0.05
PIN_ATTEMPTS = 5
"""How often to look again when the tree `current` showed is gone before it is pinned."""


class ReleaseBundle(BaseDagBundle):
    """The Dags of one environment, at the release that is live here or at a given one.

    The version is the release's number; where a damaged tree had to be made anew, `.1` and so on follow it, so that
    Airflow turns to the new one. A version that the agent no longer keeps is restored, read-only, from the ledger into
    Airflow's own folder of bundle versions, where Airflow's own clean-up finds it.
    """

    supports_versioning = True

    def __init__(
        self,
        *,
        root: str,
        folder: str = "dags",
        wait_s: float = 10.0,
        settings: Mapping[str, str] | None = None,
        refresh_interval: int = 5,
        **kwargs: Any,
    ) -> None:
        """Touches neither disk nor network.

        Args:
            root: the agent's root folder.
            folder: which of the release's folders holds the Dags.
            wait_s: how long to wait for the agent when a version is newer than what is live here.
            settings: `DAGWARDEN_*` variables for restoring old releases; by default those the agent runs with.
        """
        super().__init__(refresh_interval=refresh_interval, **kwargs)
        self._root = Root(Path(root))
        self._folder = folder
        self._wait_s = wait_s
        self._settings = settings
        self._tree: Path | None = None
        self._pin: Pin | None = None

    def initialize(self) -> None:
        """The Dags are at `path`, and stay there while this object lives.

        Raises:
            NotFound: the version is neither kept here nor to be had from the ledger.
        """
        if self.version:
            self._note_version(self.version)
            self._tree = self._find(self.version) or self._await(self.version) or self._restore(self.version)
        else:
            self._follow()
        super().initialize()

    @property
    def path(self) -> Path:
        """The folder of the Dags: in the tree settled on, else in what is live (it may not exist yet)."""
        return (self._tree or self._root.current.resolve()) / self._folder

    def get_current_version(self) -> str | BundleVersion | None:
        """The version settled on, else the live one; None before the first release was applied."""
        name = self._tree.name if self._tree else self._root.current_name()
        number = number_of(name or "")
        if name is None or number is None:
            return self.version
        version = self.version or version_of(name)
        try:
            from airflow.dag_processing.bundles.base import BundleVersion
        except ImportError:  # Airflow before 3.3 takes the bare text
            return version
        return BundleVersion(version=version, data={"release": number, "tree": name})

    def refresh(self) -> None:
        """`path` and the version are those of what is live now.

        Raises:
            ValueError: this bundle was made for one version; it does not move.
        """
        if self.version:
            raise ValueError(f"bundle {self.name} is of version {self.version}: it cannot be refreshed")
        self._follow()

    # ---- finding a tree ------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        for _ in range(PIN_ATTEMPTS):
            name = self._root.current_name()
            if name is None or (self._tree is not None and self._tree.name == name):
                return
            if self._settle(name):
                return

    def _find(self, version: str) -> Path | None:
        """The tree of a version among those the agent keeps: the very one, else another of the same release."""
        try:
            names = [name for name in self._root.names() if number_of(name) == _number(version)]
        except FileNotFoundError:
            return None
        for name in sorted(names, key=lambda name: (version_of(name) == version, name), reverse=True):
            if self._settle(name):
                return self._tree
        return None

    def _await(self, version: str) -> Path | None:
        """The tree of a version the agent is about to bring: the scheduler here may be faster than this instance."""
        deadline = time.monotonic() + self._wait_s
        while self._live() < _number(version) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        return self._find(version)

    def _live(self) -> ReleaseNumber:
        return number_of(self._root.current_name() or "") or NO_RELEASE

    def _settle(self, name: str) -> bool:
        """Whether the tree is there to stay; then it is this bundle's."""
        tree = self._root.trees / name
        try:
            held = pin(self._root, name, f"pid{os.getpid()}")
        except OSError as error:
            log.warning("cannot pin release tree %s, it stays for keep_trees_s only: %s", tree, error)
            held = None
            if not tree.is_dir():
                return False
        else:
            if held is None:
                return False
        self._tree, self._pin = tree, held
        return True

    # ---- bringing one back ---------------------------------------------------------------------------------------

    def _restore(self, version: str) -> Path:
        from dagwarden.airflow.restore import restore_release

        state = self._root.state()
        settings = self._settings or (state.settings if state else {})
        if state is None or not settings:
            raise NotFound(
                f"release {version} is not kept here",
                operation="open bundle",
                subject=str(self._root.path),
                hint="raise keep_trees_s of the agent, or give the bundle the settings of the ledger",
            )
        log.info("restoring release %s of %s from the ledger", version, state.environment)
        with self.lock():
            return restore_release(
                Settings.load(settings, needs=("ledger_bucket", "store_bucket", "gate_service_account")),
                state.environment,
                _number(version),
                (self._folder,),
                self.versions_dir / version,
            )

    def _note_version(self, version: str) -> None:
        """Airflow's clean-up deletes this folder once the version is stale, and stumbles when there is none."""
        with contextlib.suppress(OSError):
            (self.versions_dir / version).mkdir(parents=True, exist_ok=True)


def version_of(name: str) -> str:
    """The version Airflow knows a tree by.

    >>> version_of("0000000124-0a1b2c3d4e5f"), version_of("0000000124-0a1b2c3d4e5f.1")
    ('124', '124.1')
    """
    _, _, again = name.partition(".")
    return f"{number_of(name)}.{again}" if again else f"{number_of(name)}"


def _number(version: str) -> ReleaseNumber:
    digits = version.partition(".")[0]
    if not digits.isdecimal():
        raise NotFound(f"{version!r} is no release", operation="open bundle", hint="was this bundle of another class?")
    return ReleaseNumber(int(digits))
