# ruff: noqa: E501 (one attempt a line: literal data)
"""Attempts through what a task runs in: pods, variables, queues; and through text that no argument shows."""

from __future__ import annotations

from tests.scenarios.red_team.attempt import FINANCE, SALES, Attempt
from tests.scenarios.red_team.by_argument import ACCOUNT, BQ, CONNECTION, IMPERSONATION, swap

POD = "pod-identity-not-allowed"
VARIABLE = "environment-variable-not-allowed"


def pod(  # noqa: PLR0917 (the columns of a table)
    name: str, rule: str, arguments: str, bad: str, good: str, says: str | None = None
) -> Attempt:
    """A pod with arguments that differ in one value."""
    return swap(name, rule, f"KubernetesPodOperator(task_id='t', {arguments})", bad, good, says)


BY_POD: tuple[Attempt, ...] = (
    pod("another team's Kubernetes service account", POD, "service_account_name='WHO'", "finance", "sales"),
    pod("no Kubernetes service account: the namespace's default", "pod-without-service-account", "service_account_name=WHO", "None", "'sales'", "service_account_name"),
    Attempt("none in one of the values of a mapped pod", "pod-without-service-account",
            "KubernetesPodOperator.partial(task_id='t').expand(service_account_name=['sales', None])",
            "KubernetesPodOperator.partial(task_id='t').expand(service_account_name=['sales', 'sales-etl'])", "service_account_name"),
    pod("the namespace's default, by name", POD, "service_account_name='WHO'", "default", "sales-etl"),
    pod("a Google account where Kubernetes' is expected", ACCOUNT, "service_account_name='WHO'", FINANCE, SALES),
    pod("another team's namespace", POD, "namespace='WHO'", "finance", "sales"),
    pod("an image of somebody else's", "image-not-allowed", "image='WHO'", "docker.io/evil/etl:1.4", "eu.gcr.io/acme-sales/load:2"),
    pod("an image whose registry begins alike", "image-not-allowed", "image='WHO'", "eu.gcr.io/acme-sales-evil/etl:1.4", "eu.gcr.io/acme-sales/etl:1.5"),
    pod("an image in Jinja", "templated-identity", "image='WHO'", "eu.gcr.io/acme-sales/{{ params.image }}", "eu.gcr.io/acme-sales/etl:1.6", "image"),
    pod("an init container", "image-not-allowed", "init_containers=[{'name': 'i', 'image': 'WHO'}]", "docker.io/evil/etl:1.4", "eu.gcr.io/acme-sales/init:1"),
    pod("the account of a whole pod spec", POD, "full_pod_spec={'spec': {'serviceAccountName': 'WHO'}}", "finance", "sales"),
    pod("a pod template's dictionary", POD, "pod_template_dict={'spec': {'service_account_name': 'WHO'}}", "finance", "sales"),
    pod("a pod template's file", "identity-unreadable", "pod_template_file=WHO", "'/home/airflow/gcs/dags/sales/pod.yaml'", "None", "pod.yaml"),
    swap("`executor_config`, which replaces the worker's own pod", POD, "BashOperator(task_id='t', bash_command='true', executor_config={'pod_override': {'spec': {'service_account_name': 'WHO'}}})", "finance", "sales"),
    swap("`executor_config` of default_args", POD, "#\nwith DAG('NAME', schedule=None, default_args={'executor_config': {'pod_override': {'spec': {'service_account_name': 'WHO'}}}}):\n    BashOperator(task_id='t', bash_command='true')", "finance", "sales"),
    swap("`executor_config` of a decorated task", POD, "@task(executor_config={'pod_override': {'spec': {'service_account_name': 'WHO'}}})\ndef load():\n    return 1\nload()", "finance", "sales"),
    Attempt("an object of its own as pod override", "identity-unreadable",
            "#\nclass Pod:\n    spec = {'service_account_name': 'finance'}\nwith DAG('NAME', schedule=None):\n    BashOperator(task_id='t', bash_command='true', executor_config={'pod_override': Pod()})",
            "#\nclass Pod:\n    spec = {'service_account_name': 'sales'}\nwith DAG('NAME', schedule=None):\n    BashOperator(task_id='t', bash_command='true', executor_config={'pod_override': {'spec': Pod.spec}})", "pod_override"),
    pod("the node's network, and with it the node's account", "pod-setting-not-allowed", "hostnetwork=WHO", "True", "False", "hostnetwork"),
    pod("a privileged container", "pod-setting-not-allowed", "container_security_context={'privileged': WHO}", "True", "False", "privileged"),
    pod("a folder of the node", "pod-setting-not-allowed", "volumes=[{'name': 'v', WHO}]", "'host_path': {'path': '/var/lib/kubelet'}", "'empty_dir': {}", "host_path"),
    pod("another cluster's credentials", "pod-setting-not-allowed", "config_file=WHO", "'/home/airflow/gcs/data/kube.yaml'", "None", "config_file"),
    pod("another context of the cluster file", "pod-setting-not-allowed", "cluster_context=WHO", "'admin'", "None", "cluster_context"),
    pod("another team's secret", POD, "secrets=[{'deploy_type': 'env', 'secret': 'WHO'}]", "finance-key", "sales-key"),
    pod("all of another team's secret as variables", POD, "env_from=[{'secret_ref': {'name': 'WHO'}}]", "finance-key", "sales-key"),
    pod("another team's credentials for pulling images", POD, "image_pull_secrets=[{'name': 'WHO'}]", "finance-registry", "sales-registry"),
    pod("the cluster of another team's connection", "connection-not-allowed", "kubernetes_conn_id='WHO'", "finance_gke", "sales_gke"),
    pod("credentials from outside its cluster", "pod-setting-not-allowed", "in_cluster=WHO", "False", "None", "in_cluster"),
    swap("a subclass of a pod's operator", POD, "GKEStartPodOperator(task_id='t', service_account_name='WHO')", "finance", "sales"),
    swap("a mapped pod", POD, "KubernetesPodOperator.partial(task_id='t').expand(service_account_name=['sales', 'WHO'])", "finance", "sales-etl"),
    pod("all variables of a configuration map", POD, "configmaps=['WHO']", "finance-env", "sales-env"),
    pod("the same in Kubernetes' own form", POD, "env_from=[{'config_map_ref': {'name': 'WHO'}}]", "finance-env", "sales-env"),
    pod("a key file named by a variable", VARIABLE, "env_vars={'WHO': '/var/key.json'}", "GOOGLE_APPLICATION_CREDENTIALS", "SALES_KEY"),
    pod("a variable in Kubernetes' own form", VARIABLE, "env_vars=[{'name': 'WHO', 'value': 'x'}]", "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT", "REGION"),
    Attempt("variables that another task makes", "templated-identity",
            "@task\ndef them():\n    return {}\nKubernetesPodOperator(task_id='t', env_vars=them())",
            "@task\ndef them():\n    return {}\nthem() >> KubernetesPodOperator(task_id='t', env_vars={'REGION': 'eu'})", "env_vars"),
    pod("variables in Jinja", "templated-identity", "env_vars=WHO", "'{{ ti.xcom_pull(task_ids=\"x\") }}'", "None", "env_vars"),
    swap("a connection defined by a variable", VARIABLE, "BashOperator(task_id='t', bash_command='true', env={'WHO': 'x'})", "AIRFLOW_CONN_SALES_DB", "REGION"),
    swap("another team's workers", "pool-or-queue-not-allowed", "BashOperator(task_id='t', bash_command='true', queue='WHO')", "finance", "sales-high"),
    swap("another team's workers by default_args", "pool-or-queue-not-allowed", "#\nwith DAG('NAME', schedule=None, default_args={'queue': 'WHO'}):\n    BashOperator(task_id='t', bash_command='true')", "finance", "default"),
    swap("another executor than the environment's first", "pool-or-queue-not-allowed", "BashOperator(task_id='t', bash_command='true', executor=WHO)", "'FinanceExecutor'", "None", "FinanceExecutor"),
    swap("another team's pool", "pool-or-queue-not-allowed", "BashOperator(task_id='t', bash_command='true', pool='WHO')", "finance", "sales-eu"),
    swap("root on the worker", "pool-or-queue-not-allowed", "BashOperator(task_id='t', bash_command='true', run_as_user=WHO)", "'root'", "None", "root"),
)  # fmt: skip

HOOKS = "#\n@task\ndef load():\n    from airflow.providers.google.cloud.hooks.gcs import GCSHook\n    return {}\nwith DAG('NAME', schedule=None):\n    load()"
BASH = "BashOperator(task_id='t', bash_command='gcloud --impersonate-service-account=WHO storage ls')"

BY_TEXT: tuple[Attempt, ...] = (
    swap("a command that impersonates", ACCOUNT, BASH),
    swap("an argument that a function gets", ACCOUNT, "PythonOperator(task_id='t', python_callable=print, op_kwargs={'who': 'WHO'})"),
    swap("a script that a function gets", ACCOUNT, "PythonOperator(task_id='t', python_callable=print, op_args=['curl -H as=WHO'])"),
    swap("a hook in a function", IMPERSONATION, HOOKS.format("GCSHook(impersonation_chain='WHO')")),
    swap("the delegates of a hook in a function", IMPERSONATION, HOOKS.format(f"GCSHook(impersonation_chain=['WHO', '{SALES}'])"), good="broker-sales@acme.iam.gserviceaccount.com"),
    swap("another team's connection in a hook", CONNECTION, HOOKS.format("GCSHook('WHO')"), "finance_gcp", "sales_gcp"),
    swap("another team's connection in a hook, by name", CONNECTION, HOOKS.format("GCSHook(gcp_conn_id='WHO')"), "finance_gcp", "sales_gcp"),
    swap("reading another team's connection in a function", CONNECTION, "#\n@task\ndef load():\n    from airflow.hooks.base import BaseHook\n    return BaseHook.get_connection('WHO').password\nwith DAG('NAME', schedule=None):\n    load()", "finance_db", "sales_db"),
    swap("credentials made in a function", ACCOUNT, "#\n@task\ndef load():\n    from google.auth import impersonated_credentials\n    who = 'WHO'\n    return impersonated_credentials.Credentials(None, target_principal=who, target_scopes=[])\nwith DAG('NAME', schedule=None):\n    load()"),
    swap("a hook of the file's own, which wraps another", IMPERSONATION, "#\n@task\ndef load():\n    from airflow.providers.google.cloud.hooks.gcs import GCSHook\n    class Wrapped(GCSHook):\n        def __init__(self):\n            super().__init__(impersonation_chain='WHO')\n    return Wrapped().get_conn()\nwith DAG('NAME', schedule=None):\n    load()"),
    Attempt("an account put together in a function", "identity-unreadable",
            HOOKS.format("GCSHook(impersonation_chain=f\"{open('/tmp/who').read()}@acme.iam.gserviceaccount.com\")"),
            HOOKS.format(f"GCSHook(impersonation_chain='{SALES}')"), "acme.iam.gserviceaccount.com"),
    Attempt("an account put together by `+`", "identity-unreadable",
            HOOKS.format("GCSHook(impersonation_chain=open('/tmp/who').read() + '@acme.iam.gserviceaccount.com')"),
            HOOKS.format(f"GCSHook(impersonation_chain='{SALES}')"), "acme.iam.gserviceaccount.com"),
    Attempt("an account written in two halves", ACCOUNT,
            "#\n@task\ndef load():\n    return 'etl-finance@acme.iam.gserv' + 'iceaccount.com'\nwith DAG('NAME', schedule=None):\n    load()",
            "#\n@task\ndef load():\n    return 'etl-sales@acme.iam.gserv' + 'iceaccount.com'\nwith DAG('NAME', schedule=None):\n    load()"),
    Attempt("an account in escapes", ACCOUNT,
            "#\n@task\ndef load():\n    return 'etl-finance@acme.iam.\\x67serviceaccount.com'\nwith DAG('NAME', schedule=None):\n    load()",
            "#\n@task\ndef load():\n    return 'etl-sales@acme.iam.\\x67serviceaccount.com'\nwith DAG('NAME', schedule=None):\n    load()"),
    Attempt("an account put together like one that a task may use", "identity-unreadable",
            f"#\n@task\ndef load():\n    from airflow.providers.google.cloud.hooks.gcs import GCSHook\n    return GCSHook(impersonation_chain=f\"{{open('/tmp/who').read()}}@acme.iam.gserviceaccount.com\")\nwith DAG('NAME', schedule=None):\n    load() >> {BQ}(task_id='t', impersonation_chain='{SALES}')",
            f"#\ndef make(team):\n    return {BQ}(task_id='t', impersonation_chain=f'etl-{{team}}@acme.iam.gserviceaccount.com')\nwith DAG('NAME', schedule=None):\n    make('sales')", "acme.iam.gserviceaccount.com"),
    Attempt("a connection hidden behind a harmless word", CONNECTION,
            "#\n@task\ndef load():\n    from airflow.providers.google.cloud.hooks.gcs import GCSHook\n    return GCSHook('finance_gcp')\nwith DAG('NAME', schedule=None):\n    load() >> BashOperator(task_id='t', bash_command='true', env={'finance_gcp': 'x'})",
            "#\n@task\ndef load():\n    from airflow.providers.google.cloud.hooks.gcs import GCSHook\n    return GCSHook('sales_gcp')\nwith DAG('NAME', schedule=None):\n    load() >> BashOperator(task_id='t', bash_command='true', env={'finance_gcp': 'x'})", "finance_gcp"),
    swap("a callback", IMPERSONATION, f"#\ndef tell(context):\n    from airflow.providers.google.cloud.hooks.gcs import GCSHook\n    GCSHook(impersonation_chain='WHO')\nwith DAG('NAME', schedule=None):\n    {BQ}(task_id='t', impersonation_chain='{SALES}', on_success_callback=tell)"),
    swap("an operator of the file's own, with a hook", IMPERSONATION, "#\nclass Load(BashOperator):\n    def execute(self, context):\n        from airflow.providers.google.cloud.hooks.gcs import GCSHook\n        GCSHook(impersonation_chain='WHO')\nwith DAG('NAME', schedule=None):\n    Load(task_id='t', bash_command='true')"),
    swap("a key file that a function names to the library", VARIABLE, "#\n@task\ndef load():\n    import os\n    os.environ['WHO'] = '/var/key.json'\nwith DAG('NAME', schedule=None):\n    load()", "GOOGLE_APPLICATION_CREDENTIALS", "SALES_KEY"),
    swap("a command that names a key file", VARIABLE, "BashOperator(task_id='t', bash_command='export WHO=/var/key.json; run')", "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE", "SALES_KEY"),
    Attempt("a module beside it", ACCOUNT,
            "#\nfrom sales.WORKERS import load\nwith DAG('NAME', schedule=None):\n    PythonOperator(task_id='t', python_callable=load)",
            "#\nfrom sales.WORKERS import load\nwith DAG('NAME', schedule=None):\n    PythonOperator(task_id='t', python_callable=load)",
            beside={"WORKERS.py": f"def load():\n    return '{FINANCE}'\n"}, beside_good={"WORKERS.py": f"def load():\n    return '{SALES}'\n"}),
    Attempt("a script beside it", ACCOUNT,
            "BashOperator(task_id='t', bash_command='bash WORKERS.sh')", "BashOperator(task_id='t', bash_command='bash WORKERS.sh')",
            beside={"WORKERS.sh": f"gcloud --impersonate-service-account={FINANCE} storage ls\n"},
            beside_good={"WORKERS.sh": f"gcloud --impersonate-service-account={SALES} storage ls\n"}),
    Attempt("a settings file beside it", ACCOUNT,
            "PythonOperator(task_id='t', python_callable=print)", "PythonOperator(task_id='t', python_callable=print)",
            beside={"WORKERS.yaml": f"who: {FINANCE}\n"}, beside_good={"WORKERS.yaml": f"who: {SALES}\n"}),
    Attempt("a comment that allows it", IMPERSONATION,
            f"{BQ}(task_id='t', impersonation_chain='{FINANCE}')  # dagwarden: allow impersonation-not-allowed -- we may",
            f"{BQ}(task_id='t', impersonation_chain='{SALES}')"),
    Attempt("asking the metadata server", "metadata-server-access",
            "#\n@task\ndef load():\n    import requests\n    requests.get('http://metadata.google.internal/computeMetadata/v1/', timeout=1)\nwith DAG('NAME', schedule=None):\n    load()",
            "#\n@task\ndef load():\n    import requests\n    requests.get('http://sales.example/v1/', timeout=1)\nwith DAG('NAME', schedule=None):\n    load()", "", is_reported=True),
    Attempt("what the worker happens to hold", "ambient-credentials",
            "#\n@task\ndef load():\n    import google.auth\n    google.auth.default()\nwith DAG('NAME', schedule=None):\n    load()",
            "#\n@task\ndef load():\n    import json\n    json.loads('1')\nwith DAG('NAME', schedule=None):\n    load()", "", is_reported=True),
    Attempt("a key in a file", "service-account-key",
            "#\n@task\ndef load():\n    from google.oauth2 import service_account\n    service_account.Credentials.from_service_account_file('/var/key.json')\nwith DAG('NAME', schedule=None):\n    load()",
            "#\n@task\ndef load():\n    return 1\nwith DAG('NAME', schedule=None):\n    load()", "", is_reported=True),
)  # fmt: skip

BY_PATH: tuple[Attempt, ...] = (
    swap("a file of no team", IMPERSONATION, f"{BQ}(task_id='t', impersonation_chain='WHO')", SALES)._replace(path="dags/nobody/NAME.py"),
    swap("a folder that differs in case", IMPERSONATION, f"{BQ}(task_id='t', impersonation_chain='WHO')", SALES)._replace(path="dags/Sales/NAME.py"),
    swap("a folder that begins alike", IMPERSONATION, f"{BQ}(task_id='t', impersonation_chain='WHO')", SALES)._replace(path="dags/sales2/NAME.py"),
    swap("a folder spelt with another alphabet's letter", IMPERSONATION, f"{BQ}(task_id='t', impersonation_chain='WHO')", SALES)._replace(path="dags/s\u0430les/NAME.py"),
)  # fmt: skip
