"""The clients of one process: made on first use, in the process that uses them (functions fork after import)."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dagwarden.cloud.failures import mapped
from dagwarden.cloud.identity import Certificates, Signer, find_credentials, service_account_of
from dagwarden.cloud.logs import Log, make_client
from dagwarden.cloud.storage import Bucket
from dagwarden.cloud.topics import Subscription, Topics
from dagwarden.settings import Settings

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

    from dagwarden.cloud.composer import Composer
    from dagwarden.cloud.iam import Iam

VERSION = "0.1.0"


class Cloud:
    """Everything a process may ask of Google Cloud, by the names in its settings.

    Making it costs nothing and touches no network: each client is made when first asked for.
    """

    def __init__(self, settings: Settings, credentials: Credentials | None = None) -> None:
        self.settings = settings
        self._given_credentials = credentials
        self._lock = threading.RLock()
        self._buckets: dict[str, Bucket] = {}

    @cached_property
    def credentials(self) -> Credentials:
        """Those given, else the application default ones."""
        return self._given_credentials or find_credentials()

    @cached_property
    def service_account(self) -> str:
        """The service account this process acts and signs as."""
        return service_account_of(self.credentials, self.settings)

    @cached_property
    def signer(self) -> Signer:
        """Signs as this process's service account."""
        from google.auth.transport.requests import AuthorizedSession

        return Signer(AuthorizedSession(self.credentials), self.service_account, self.settings)

    @cached_property
    def iam(self) -> Iam:
        """Policies, service accounts, keys and roles."""
        from google.auth.transport.requests import AuthorizedSession

        from dagwarden.cloud.iam import Iam

        return Iam(AuthorizedSession(self.credentials), self._storage_client, self.settings)

    @cached_property
    def composer(self) -> Composer:
        """Environments of Cloud Composer."""
        from google.auth.transport.requests import AuthorizedSession

        from dagwarden.cloud.composer import Composer

        return Composer(AuthorizedSession(self.credentials), self.settings)

    @cached_property
    def certificates(self) -> Certificates:
        """Public keys of service accounts."""
        return Certificates(self.settings)

    def bucket(self, name: str) -> Bucket:
        """A bucket by name."""
        with self._lock:
            if name not in self._buckets:
                self._buckets[name] = Bucket(self._storage_client, name, self.settings)
            return self._buckets[name]

    @property
    def inbox(self) -> Bucket:
        """Where pushes land."""
        return self.bucket(self.settings.inbox_bucket)

    @property
    def ledger(self) -> Bucket:
        """Where releases are chained."""
        return self.bucket(self.settings.ledger_bucket)

    @property
    def store(self) -> Bucket:
        """Where deltas, snapshots, verdicts, status and the platform team's YAML lie."""
        return self.bucket(self.settings.store_bucket)

    @cached_property
    def topics(self) -> Topics:
        """Publishes."""
        from google.cloud.pubsub_v1 import PublisherClient

        with mapped("connect", "Pub/Sub"):
            return Topics(PublisherClient(credentials=self.credentials, client_info=self._grpc_info()), self.settings)

    def subscription(self, name: str) -> Subscription:
        """A subscription by id."""
        from google.cloud.pubsub_v1 import SubscriberClient

        with mapped("connect", "Pub/Sub"):
            client = SubscriberClient(credentials=self.credentials, client_info=self._grpc_info())
            return Subscription(client, name, self.settings)

    @cached_property
    def audit_log(self) -> Log:
        """The log that audit entries go to."""
        return self.log(self.settings.audit_log)

    def log(self, name: str) -> Log:
        """A log by id."""
        return Log(self._logging_client, name, self.settings)

    @cached_property
    def _storage_client(self) -> Any:
        from google.cloud.storage import Client

        with mapped("connect", "Cloud Storage"):
            return Client(
                project=self.settings.project,
                credentials=self.credentials,
                client_info=self._http_info(),
                client_options={"universe_domain": self.credentials.universe_domain},
            )

    @cached_property
    def _logging_client(self) -> Any:
        endpoint = self.settings.logging_endpoint
        with mapped("connect", "Cloud Logging"):
            return make_client(
                project=self.settings.project,
                credentials=self.credentials,
                client_info=self._http_info(),
                client_options={"api_endpoint": endpoint} if endpoint else None,
                _use_grpc=False,
            )

    def _user_agent(self) -> str:
        return f"dagwarden/{VERSION} ({self.settings.caller})"

    def _http_info(self) -> Any:
        from google.api_core.client_info import ClientInfo

        return ClientInfo(user_agent=self._user_agent())

    def _grpc_info(self) -> Any:
        from google.api_core.gapic_v1.client_info import ClientInfo

        return ClientInfo(user_agent=self._user_agent())
