"""Google's and Kubernetes' own operators, read into the model: run by `make test-providers`, where they are installed.

The providers are too heavy for the environment that everything else is tested in.
"""

from __future__ import annotations

import datetime as dt

import pytest
from tests.unit.validate.importing import ReadDagFile

from dagwarden.ledger.state import empty_state
from dagwarden.names import EnvironmentName
from dagwarden.policy.facts import PushFacts
from dagwarden.policy.identities import check_identities
from dagwarden.policy.load import load_policy
from dagwarden.policy.verdict import Principal
from dagwarden.push.manifest import PushManifest
from dagwarden.validate.model import FactKind, FileModel, TaskModel
from dagwarden.validate.rules.table import check_file

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
PROD = EnvironmentName("prod")
ETL = "etl@acme.iam.gserviceaccount.com"
DATAPROC = "from airflow.providers.google.cloud.operators.dataproc import *"
POD = """
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator as Renamed
from airflow.providers.cncf.kubernetes.secret import Secret
from kubernetes.client import models as k8s
"""

Seen = set[tuple[str, str, str]]


def seen(task: TaskModel, kind: FactKind) -> Seen:
    return {(fact.argument, fact.value, fact.known) for fact in task.facts if fact.kind is kind}


def only_task(read_dag_file: ReadDagFile, imports: str, body: str, dag: str = "") -> TaskModel:
    text = f'{imports}\nwith DAG("etl", schedule=None{dag}):\n    {body}\n'
    model = read_dag_file(text)
    (task,) = model.dags[0].tasks
    assert (task.unreadable, model.patched, model.cuts) == ((), (), ())
    return task


def test_default_args_reach_google_operators(read_dag_file: ReadDagFile) -> None:
    imports = "from airflow.providers.google.cloud.operators.bigquery import BigQueryInsertJobOperator"
    body = "BigQueryInsertJobOperator(task_id='a', configuration={'query': {'query': 'select 1'}})"
    task = only_task(read_dag_file, imports, body, f', default_args={{"impersonation_chain": "{ETL}"}}')
    assert seen(task, FactKind.IMPERSONATION) == {("impersonation_chain", ETL, "default-args")}
    assert seen(task, FactKind.CONNECTION) == {("gcp_conn_id", "google_cloud_default", "default")}
    assert task.is_deferrable is False


BODIES = {
    "cluster": (
        f"{DATAPROC}\nC = dict(task_id='a', project_id='p', region='r', cluster_name='c')",
        "DataprocCreateClusterOperator(**C, cluster_config={})",
        "cluster_config",
        "{'gce_cluster_config': {'service_account': ACCOUNT}}",
    ),
    "batch": (
        DATAPROC,
        "DataprocCreateBatchOperator(task_id='a', project_id='p', region='r', batch_id='b', batch={})",
        "batch",
        "{'environment_config': {'execution_config': {'service_account': ACCOUNT}}}",
    ),
    "run job": (
        "from airflow.providers.google.cloud.operators.cloud_run import *",
        "CloudRunCreateJobOperator(task_id='a', project_id='p', region='r', job_name='j', job={})",
        "job",
        "{'template': {'template': {'service_account': ACCOUNT}}}",
    ),
    "batch job": (
        "from airflow.providers.google.cloud.operators.cloud_batch import *",
        "CloudBatchSubmitJobOperator(task_id='a', project_id='p', region='r', job_name='j', job={})",
        "job",
        "{'allocationPolicy': {'serviceAccount': {'email': ACCOUNT}}}",
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_accounts_in_bodies_are_found(read_dag_file: ReadDagFile, name: str) -> None:
    imports, call, argument, body = BODIES[name]
    call = call.replace(f"{argument}={{}}", f"{argument}={body.replace('ACCOUNT', repr(ETL))}")
    ((place, value, known),) = seen(only_task(read_dag_file, imports, call), FactKind.SERVICE_ACCOUNT)
    assert (place.startswith(f"{argument}."), value, known) == (True, ETL, "literal")


@pytest.mark.parametrize("name", BODIES)
def test_bodies_without_an_account_are_told(read_dag_file: ReadDagFile, name: str) -> None:
    imports, call, argument, _ = BODIES[name]
    call = call.replace(f"{argument}={{}}", f"{argument}={{'labels': {{}}}}")
    ((_, value, known),) = seen(only_task(read_dag_file, imports, call), FactKind.SERVICE_ACCOUNT)
    assert (value, known) == ("", "absent")


GOOGLE = "from airflow.providers.google.cloud.operators.{} import *"
C = "task_id='a', project_id='p', region='r'"
OPEN = {
    "cluster": (DATAPROC, f"DataprocCreateClusterOperator({C}, cluster_name='c', cluster_config={{}})",
                "{'gce_cluster_config': {'internal_ip_only': True}}"),
    "database": (GOOGLE.format("cloud_sql"), "CloudSQLCreateInstanceOperator(task_id='a', instance='i', body={})",
                 "{'name': 'i', 'settings': {'tier': 't', 'ipConfiguration': {'ipv4Enabled': False}}}"),
    "fusion": (GOOGLE.format("datafusion"),
               "CloudDataFusionCreateInstanceOperator(task_id='a', instance_name='i', location='l', instance={})",
               "{'privateInstance': True}"),
    "environment": (GOOGLE.format("cloud_composer"),
                    f"CloudComposerCreateEnvironmentOperator({C}, environment_id='e', environment={{}})",
                    "{'config': {'private_environment_config': {'enable_private_environment': True}}}"),
    "service": (GOOGLE.format("cloud_run"), f"CloudRunCreateServiceOperator({C}, service_name='s', service={{}})",
                "{'ingress': 'INGRESS_TRAFFIC_INTERNAL_ONLY'}"),
    "pipeline": (GOOGLE.format("vertex_ai.pipeline_job"),
                 f"RunPipelineJobOperator({C}, display_name='d', template_path='t', network={{}})", "'ours'"),
}  # fmt: skip


@pytest.mark.parametrize("name", OPEN)
def test_what_is_not_said_to_be_private_is_told(read_dag_file: ReadDagFile, name: str) -> None:
    imports, call, private = OPEN[name]
    body = call.replace("={}", "={'name': 'i', 'settings': {'tier': 't'}}") if name == "database" else call
    ((_, _, known),) = seen(only_task(read_dag_file, imports, body), FactKind.PUBLIC_ADDRESS)
    assert known == "absent"
    twin = only_task(read_dag_file, imports, call.replace("={}", f"={private}"))
    assert seen(twin, FactKind.PUBLIC_ADDRESS) == set()


def test_a_message_instead_of_a_dictionary_is_no_silence(read_dag_file: ReadDagFile) -> None:
    imports = f"{DATAPROC}\nfrom google.cloud.dataproc_v1 import Batch"
    body = "DataprocCreateBatchOperator(task_id='a', project_id='p', region='r', batch_id='b', batch=Batch())"
    assert {known for _, _, known in seen(only_task(read_dag_file, imports, body), FactKind.SERVICE_ACCOUNT)} == {
        "unreadable"
    }


def test_pods_are_read_under_any_name(read_dag_file: ReadDagFile) -> None:
    body = (
        "Renamed(task_id='a', image='x:1', namespace='prod', service_account_name='etl', env_vars={'TOKEN': 'hush'},"
        " secrets=[Secret('env', 'PASSWORD', 'db', 'k')], hostnetwork=True,"
        " volumes=[k8s.V1Volume(name='v', host_path=k8s.V1HostPathVolumeSource(path='/var'))])"
    )
    task = only_task(read_dag_file, POD, body)
    assert task.is_a("KubernetesPodOperator")
    assert seen(task, FactKind.KUBERNETES_SERVICE_ACCOUNT) == {("service_account_name", "etl", "literal")}
    assert {value for _, value, _ in seen(task, FactKind.SECRET)} == {"db"}
    assert {place for place, _, _ in seen(task, FactKind.KUBERNETES_SETTING)} == {"hostnetwork", "volumes[0].host_path"}
    assert "hush" not in str(task)


def test_mapped_pods_are_read(read_dag_file: ReadDagFile) -> None:
    body = "Renamed.partial(task_id='a', service_account_name='etl').expand(image=['x:1', 'y:2'])"
    task = only_task(read_dag_file, POD, body)
    assert seen(task, FactKind.KUBERNETES_SERVICE_ACCOUNT) == {("service_account_name", "etl", "literal")}
    assert {(value, known) for _, value, known in seen(task, FactKind.IMAGE)} == {("x:1", "mapped"), ("y:2", "mapped")}


def test_full_pod_specs_and_overrides_are_read(read_dag_file: ReadDagFile) -> None:
    pod = "k8s.V1Pod(spec=k8s.V1PodSpec(service_account_name='root', containers=[k8s.V1Container(name='base')]))"
    task = only_task(read_dag_file, POD, f"Renamed(task_id='a', image='x:1', full_pod_spec={pod})")
    assert ("full_pod_spec.spec.service_account_name", "root", "literal") in seen(
        task, FactKind.KUBERNETES_SERVICE_ACCOUNT
    )
    body = f"BashOperator(task_id='a', bash_command='true', executor_config={{'pod_override': {pod}}})"
    model = read_dag_file(f"{POD}\nwith DAG('etl', schedule=None):\n    {body}\n")
    assert "pod-override-identity" in {finding.rule for finding in check_file(model)}


def test_task_kubernetes_is_a_pod(read_dag_file: ReadDagFile) -> None:
    body = "task.kubernetes(image='x:1', service_account_name='etl', task_id='a')(print_it)()"
    task = only_task(read_dag_file, f"{POD}\ndef print_it(): print(1)", body)
    assert task.is_a("KubernetesPodOperator")
    assert seen(task, FactKind.KUBERNETES_SERVICE_ACCOUNT) == {("service_account_name", "etl", "literal")}


# ---- held against a policy -------------------------------------------------------------------------------------------

POLICY = f"""
apiVersion: dagwarden/v1
kind: Policy
teams:
  - name: sales
    paths: ["dags/**"]
    may_use:
      service_accounts: ["{ETL}"]
      impersonation: ["{ETL}"]
      connections: [kubernetes_default]
      kubernetes_service_accounts: [etl]
      namespaces: [prod]
      images: ["eu.gcr.io/acme/*"]
      environment_variables: ["*"]
      secrets: [db]
"""
OTHER = "finance@acme.iam.gserviceaccount.com"
GOOGLE = """
from airflow.providers.google.cloud.operators.bigquery import BigQueryInsertJobOperator
from airflow.providers.google.cloud.operators.gcs import GCSBucketAddIamBindingOperator, GCSDeleteObjectsOperator
from airflow.providers.google.cloud.sensors.gcs import GCSObjectExistenceSensor
from airflow.providers.google.cloud.operators.kubernetes_engine import GKEStartPodOperator
from airflow.providers.google.cloud.operators.dataproc import *
class Harmless(GCSBucketAddIamBindingOperator): pass
"""
QUERY = "BigQueryInsertJobOperator(task_id='a', configuration={}, impersonation_chain=WHO)"
SENSOR = "GCSObjectExistenceSensor(task_id='a', bucket='b', object='o', impersonation_chain=WHO)"
BATCH = (
    "DataprocCreateBatchOperator(task_id='a', project_id='p', region='r', batch_id='b', impersonation_chain=OWN,"
    " batch={'environment_config': {'execution_config': {'service_account': WHO}}})"
)
SAFE_POD = "Renamed(task_id='a', image='eu.gcr.io/acme/x:1', namespace='prod', service_account_name=WHO)"
GKE_POD = (
    "GKEStartPodOperator(task_id='a', project_id='p', location='l', cluster_name='c', name='n', namespace='prod',"
    " image='eu.gcr.io/acme/x:1', impersonation_chain=OWN, service_account_name=WHO)"
)
OVERRIDE = (
    "BashOperator(task_id='a', bash_command='true', executor_config={'pod_override': k8s.V1Pod(spec=k8s.V1PodSpec("
    "service_account_name=WHO, containers=[k8s.V1Container(name='base')]))})"
)
ATTEMPTS = {
    "a query": (GOOGLE, QUERY, repr(OTHER), repr(ETL), "impersonation-not-allowed"),
    "a query of nobody's": (GOOGLE, QUERY, "None", repr(ETL), "environment-identity"),
    "a sensor": (GOOGLE, SENSOR, repr(OTHER), repr(ETL), "impersonation-not-allowed"),
    "a batch": (GOOGLE, BATCH, repr(OTHER), repr(ETL), "service-account-not-allowed"),
    "a batch of nobody's": (GOOGLE, BATCH, "None", repr(ETL), "body-without-service-account"),
    "a grant": (GOOGLE, "WHO(task_id='a', bucket='b', impersonation_chain=OWN, BODY)", "Harmless", "", "grants-access"),
    "a pod": (POD, SAFE_POD, "'root'", "'etl'", "pod-identity-not-allowed"),
    "a pod of nobody's": (POD, SAFE_POD, "None", "'etl'", "pod-without-service-account"),
    "a pod in another cluster": (GOOGLE, GKE_POD, "'root'", "'etl'", "pod-identity-not-allowed"),
    "the worker's own pod": (POD, OVERRIDE, "'root'", "'etl'", "pod-identity-not-allowed"),
}


def refusals(model: FileModel) -> set[str]:
    facts = PushFacts(
        principal=Principal(name="ci@acme.example", attested_by="jwt"),
        manifest=PushManifest(environment=PROD, source="git", created_at=NOW, changes=()),
        is_raw_drop=False,
        state=empty_state(PROD),
        changes=(),
        files=(model,),
        now=NOW,
    )
    return {finding.rule for finding in check_identities(load_policy(POLICY.encode()), facts)}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_real_operators_are_held_to_what_their_team_may_use(read_dag_file: ReadDagFile, name: str) -> None:
    imports, body, bad, good, rule = ATTEMPTS[name]

    def read(who: str) -> FileModel:
        made = body.replace("OWN", repr(ETL)).replace("WHO", who).replace("BODY", "role='r', member='m'")
        return read_dag_file(f"{imports}\nwith DAG('etl', schedule=None):\n    {made}\n")

    assert rule in refusals(read(bad))
    assert not good or refusals(read(good)) == set()
