"""What overrides of Airflow's configuration, and environment variables, may do to an environment: tables.

Source: the configuration templates of Airflow 2.11 and 3.3 (airflow/config_templates/config.yml);
cloud.google.com/composer/docs/airflow-rbac.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

_GOOGLES_BACKEND = "airflow.providers.google.cloud.secrets.secret_manager.cloudsecretmanagerbackend"
_DEFAULT_AUTH = "airflow.api.auth.backend.default"
_STRANGER = "subprocess.popen"
"""A class that nothing read should ever become."""


def _is_true(value: str) -> bool:
    """What Airflow reads as yes. Source: airflow/configuration.py, `getboolean`."""
    return value in {"t", "true", "1"}


def _is_false(value: str) -> bool:
    return value in {"f", "false", "0"}


def _lets_all_in(value: str) -> bool:
    return _DEFAULT_AUTH in re.split(r"[,\s]+", value)


def _makes_anything(value: str) -> bool:
    return any(fnmatchcase(_STRANGER, glob) or glob in {".*", ".+"} for glob in value.split())


def _is_enabled(value: str) -> bool:
    return value == "enabled"


def _is_admin(value: str) -> bool:
    return value == "admin"


def _is_no_backend_of_googles(value: str) -> bool:
    return value not in {"", _GOOGLES_BACKEND}


UNSAFE_OVERRIDES: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "webserver-expose_config": (_is_true, "shows the whole configuration, secrets in it"),
    "api-expose_config": (_is_true, "shows the whole configuration, secrets in it"),
    "core-hide_sensitive_var_conn_fields": (_is_false, "shows what variables and connections keep secret"),
    "core-enable_xcom_pickling": (_is_true, "runs what an XCom says when it is read"),
    "core-allowed_deserialization_classes": (_makes_anything, "makes objects of any class out of what is read"),
    "core-allowed_deserialization_classes_regexp": (_makes_anything, "makes objects of any class out of what is read"),
    "core-test_connection": (_is_enabled, "tries connections out wherever whoever edits them wants"),
    "api-auth_backends": (_lets_all_in, "lets everybody call the API"),
    "api-auth_backend": (_lets_all_in, "lets everybody call the API"),
    "fab-auth_backends": (_lets_all_in, "lets everybody call the API"),
    "secrets-backend": (_is_no_backend_of_googles, "asks another class than Google's for connections and variables"),
    "webserver-rbac_user_registration_role": (_is_admin, "makes every new user an administrator"),
}
"""Override -> whether a value, as `plain_value` has it, is unsafe, and what it then does."""

SECRET_OVERRIDES = frozenset(
    {
        *("core-fernet_key", "core-internal_api_secret_key", "core-sql_alchemy_conn", "database-sql_alchemy_conn"),
        *("database-sql_alchemy_conn_async", "webserver-secret_key", "api-secret_key", "api_auth-jwt_secret"),
        *("celery-broker_url", "celery-result_backend", "celery-flower_basic_auth", "smtp-smtp_password"),
        "sentry-sentry_dsn",
    }
)
"""Overrides that hold a secret. Source: `sensitive: true` in the templates of Airflow and its providers."""

SECRET_VARIABLE = re.compile(
    r"AIRFLOW_CONN_\w+|(?:\w*_)?(?:PASSWORD|PASSWD|SECRET|SECRET_KEY|PRIVATE_KEY|API_KEY|ACCESS_TOKEN)", re.IGNORECASE
)
"""Environment variables that hold a secret: connections, and those whose names say so."""


def plain_value(text: str) -> str:
    """A value as Airflow reads one of a few words: in small letters, without a comment.

    >>> plain_value(" True # for a day")
    'true'
    """
    return text.partition("#")[0].strip().lower()
