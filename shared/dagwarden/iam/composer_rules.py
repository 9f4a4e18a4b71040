"""The rules on an environment's settings in Cloud Composer: one page each."""

from __future__ import annotations

from dagwarden.iam.page import iam_page
from dagwarden.lint.finding import Severity

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
_SNAPSHOTS = "cloud.google.com/composer/docs/composer-3/schedule-environment-snapshots"

SETTINGS_UNREADABLE = iam_page(
    "DW583", "environment-settings-unreadable", _ERROR,
    "Finds environments of Cloud Composer whose settings could not be read, or that are not there.",
    "What nobody can read may be set to anything.",
    "Let the guard read them (`composer.environments.get` and `composer.imageversions.list`), or correct `composer` in "
    "environment.yaml.",
)  # fmt: skip
ACCOUNT_DIFFERS = iam_page(
    "DW584", "environment-account-differs", _ERROR,
    "Finds environments that run as another service account than policy.yaml or environment.yaml says.",
    "Every task then holds the roles of an account that nobody judged.",
    "Make the environment anew with its own account (it cannot be changed), or correct what the file says.",
    sources=("cloud.google.com/composer/docs/concepts/environment-configuration-parameters",),
)  # fmt: skip
WEB_SERVER_OPEN = iam_page(
    "DW585", "web-server-open", _WARNING,
    "Finds web servers that every address may reach, or others than `iam.composer.web_server_ranges` has.",
    "A login is then all that stands between anybody and the buttons that run, stop and delete.",
    "Let in the addresses of your own networks alone.",
    sources=("Composer API, EnvironmentConfig.webServerNetworkAccessControl",),
)  # fmt: skip
ENVIRONMENT_PUBLIC = iam_page(
    "DW586", "environment-public", _WARNING,
    "Finds environments whose components have public addresses, whose cluster is reached over the internet, or that "
    "build packages with access to it.",
    "What a DAG reads can leave by the same way, and what it installs can come from anywhere.",
    "Use a private environment, its private endpoint and private builds.",
    sources=("Composer API, PrivateEnvironmentConfig",),
)  # fmt: skip
ENVIRONMENT_KEY = iam_page(
    "DW587", "environment-key-not-allowed", _ERROR,
    "Finds environments that no key of `iam.composer.encryption_keys` encrypts.",
    "The policy says so: whoever holds the key can close the data to everybody at once.",
    "Make the environment anew with the key (it cannot be changed).",
    sources=("Composer API, EncryptionConfig.kmsKeyName",),
)  # fmt: skip
UNSAFE_OVERRIDE = iam_page(
    "DW588", "unsafe-airflow-override", _ERROR,
    "Finds overrides of Airflow's configuration that take a guard of Airflow's away.",
    "They show secrets, let strangers call the API, make every new user an administrator or run what is only read.",
    "Remove the override.",
    sources=(
        "airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html",
        "cloud.google.com/composer/docs/airflow-rbac",
    ),
)  # fmt: skip
SECRET_IN_SETTINGS = iam_page(
    "DW589", "secret-in-environment-settings", _ERROR,
    "Finds passwords, keys and connections in overrides of Airflow's configuration and in environment variables.",
    "Everybody who may look at the environment reads them, and every task has them.",
    "Put it into Secret Manager, and take it from there.",
    sources=("cloud.google.com/composer/docs/secret-manager", "Airflow's `sensitive_config_values`"),
)  # fmt: skip
VERSION_DIFFERS = iam_page(
    "DW590", "environment-version-differs", _WARNING,
    "Finds environments that run another Airflow than environment.yaml says.",
    "DAGs are then judged by an Airflow that does not run them.",
    "Correct `airflow` in environment.yaml, or upgrade the environment.",
)  # fmt: skip
IMAGE_DEPRECATED = iam_page(
    "DW591", "image-version-deprecated", _WARNING,
    "Finds environments of an image version that Cloud Composer makes no new ones of.",
    "It gets no fixes any more, of security neither.",
    "Upgrade the environment.",
    sources=("Composer API, ImageVersion.creationDisabled",),
)  # fmt: skip
PACKAGES_DIFFER = iam_page(
    "DW592", "environment-packages-differ", _WARNING,
    "Finds packages installed in the environment that environment.yaml does not name, or names in another version.",
    "A package runs as the environment; and DAGs are judged beside others than they will find.",
    "Bring the two in step.",
)  # fmt: skip
SNAPSHOTS_OFF = iam_page(
    "DW593", "environment-snapshots-off", _WARNING,
    "Finds environments of which no snapshots are taken on a schedule.",
    "What Airflow knows of its runs, connections and variables is then gone with its database.",
    "Turn scheduled snapshots on.",
    sources=(_SNAPSHOTS,),
)  # fmt: skip
NO_MAINTENANCE_WINDOW = iam_page(
    "DW594", "maintenance-window-missing", _INFO,
    "Finds environments without a maintenance window of their own.",
    "Cloud Composer then restarts components when it suits it.",
    "Name twelve hours a week or more when that disturbs least.",
    sources=("cloud.google.com/composer/docs/composer-3/specify-maintenance-windows",),
)  # fmt: skip

COMPOSER_PAGES = (
    *(SETTINGS_UNREADABLE, ACCOUNT_DIFFERS, WEB_SERVER_OPEN, ENVIRONMENT_PUBLIC, ENVIRONMENT_KEY, UNSAFE_OVERRIDE),
    *(SECRET_IN_SETTINGS, VERSION_DIFFERS, IMAGE_DEPRECATED, PACKAGES_DIFFER, SNAPSHOTS_OFF, NO_MAINTENANCE_WINDOW),
)
