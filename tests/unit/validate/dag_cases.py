"""DAG files for each rule on the DAG model: at least three that it lets be, and three that it finds something in."""

from __future__ import annotations

from typing import NamedTuple

ETL = "etl@acme.iam.gserviceaccount.com"

STAND_INS = """
from airflow.providers.standard.operators.latest_only import LatestOnlyOperator
class CloudOperator(BaseOperator):
    def __init__(self, *, gcp_conn_id="google_cloud_default", impersonation_chain=None, **kwargs):
        super().__init__(**kwargs)
        self.gcp_conn_id, self.impersonation_chain = gcp_conn_id, impersonation_chain
class DataprocCreateBatchOperator(CloudOperator):
    def __init__(self, *, batch, **kwargs):
        super().__init__(**kwargs)
        self.batch = batch
class CloudSQLCreateInstanceOperator(CloudOperator):
    def __init__(self, *, body=None, network=None, **kwargs):
        super().__init__(**kwargs)
        self.body, self.network = body, network
class RunPipelineJobOperator(CloudSQLCreateInstanceOperator): pass
class Insert(CloudSQLCreateInstanceOperator): pass
class GCSBucketCreateAclEntryOperator(CloudOperator): pass
class Wait(BaseSensorOperator):
    def __init__(self, *, deferrable=False, **kwargs):
        super().__init__(**kwargs)
        self.deferrable = deferrable
class Pod(BaseOperator):
    def __init__(self, *, image="x:1", service_account_name=None, namespace=None, hostnetwork=False, privileged=False,
                 volumes=None, full_pod_spec=None, **kwargs):
        super().__init__(**kwargs)
        self.image, self.service_account_name, self.namespace = image, service_account_name, namespace
        self.hostnetwork, self.privileged, self.volumes = hostnetwork, privileged, volumes
        self.full_pod_spec = full_pod_spec
def bash(task_id, **kwargs): return BashOperator(task_id=task_id, bash_command="true", **kwargs)
def empty(task_id, **kwargs): return EmptyOperator(task_id=task_id, **kwargs)
@task.branch
def choose(): return "a"
"""


class Cases(NamedTuple):
    """Files for one rule: what follows the stand-ins above, or the body of a DAG where it does not name one itself."""

    valid: tuple[str, ...]
    invalid: tuple[str, ...]


def write_file(case: str) -> str:
    """The text of a file: the body of a DAG is put into one, which has a daily schedule."""
    if "DAG(" in case or "@dag" in case or case.startswith("#"):
        return f"{STAND_INS}\n{case}\n"
    body = "\n".join(f"    {line}" for line in case.split("\n"))
    return f'{STAND_INS}\nwith DAG("etl", schedule="@daily", start_date=dt.datetime(2024, 1, 1)):\n{body}\n'


def write_dag(arguments: str) -> str:
    """A DAG of these arguments, with one task."""
    return f'with DAG("etl", {arguments}): empty("a")'


HOUR = "dt.timedelta(hours=1)"
SQL = "CloudSQLCreateInstanceOperator(task_id='a', body={})"
PRIVATE = {"settings": {"ipConfiguration": {"ipv4Enabled": False, "authorizedNetworks": [{"value": "10.0.0.0/8"}]}}}
BATCH = "DataprocCreateBatchOperator(task_id='a', batch={})"
MAPPED = "BashOperator.partial(task_id='a'"
BRANCH = "c, a, b, j = choose(), empty('a'), empty('b'), empty('j'{})"

CASES: dict[str, Cases] = {
    "dag-cycle": Cases(
        ("bash('a') >> bash('b')", "bash('a') >> [bash('b'), bash('c')] >> bash('d')", "bash('a')"),
        (
            "a, b = bash('a'), bash('b')\na >> b >> a",
            "a, b, c = bash('a'), bash('b'), bash('c')\na >> b >> c >> b",
            "a = bash('a')\nwith TaskGroup('g') as g: b = bash('b')\na >> g >> a",
        ),
    ),
    "dag-without-tasks": Cases(
        (write_dag("schedule=None"), "bash('a')", "@dag(schedule=None)\ndef f(): empty('a')\nf()"),
        (
            'DAG_ = DAG("etl", schedule=None)',
            'with DAG("etl", schedule=None):\n    if 0: empty("a")',
            "@dag(schedule=None)\ndef f(): pass\nf()",
        ),
    ),
    "isolated-task": Cases(
        ("bash('a') >> bash('b')", "bash('a')\nbash('b')", "bash('a')"),
        (
            "bash('a') >> bash('b')\nbash('c')",
            "with TaskGroup('g'): bash('c')\nbash('a') >> bash('b')",
            "@task\ndef t(x): pass\nt(bash('a').output)\nt('x')",
        ),
    ),
    "join-skipped-by-branch": Cases(
        (
            BRANCH.format(", trigger_rule='none_failed_min_one_success'") + "\nc >> [a, b] >> j",
            BRANCH.format("") + "\nc >> a >> j\nc >> b",
            "LatestOnlyOperator(task_id='c') >> [empty('a'), empty('b')] >> empty('j')",
            BRANCH.format(", trigger_rule='none_failed'") + "\nc >> [a, b] >> j >> [bash('x'), bash('y')] >> bash('z')",
        ),
        (
            BRANCH.format("") + "\nc >> [a, b] >> j",
            BRANCH.format("") + "\nc >> [a, j]\na >> j\nb",
            BRANCH.format("") + "\nc >> a >> empty('x') >> j\nc >> b >> j",
        ),
    ),
    "failure-hidden-by-leaf": Cases(
        (
            "bash('a') >> bash('z', trigger_rule='all_done').as_teardown()",
            "a, w = bash('a'), bash('w', trigger_rule='one_failed')\na >> bash('z', trigger_rule='all_done')\na >> w",
            "a = bash('a')\na >> bash('z', trigger_rule='all_done')\na >> bash('other')",
        ),
        (
            "bash('a') >> bash('z', trigger_rule='all_done')",
            "[bash('a'), bash('b')] >> bash('z', trigger_rule='always')",
            "a, b = bash('a'), bash('b')\n[a, b] >> bash('z', trigger_rule='all_done')\nb >> bash('y')",
        ),
    ),
    "too-many-dependencies": Cases(
        ("bash('a') >> bash('b')", "bash('a') >> [empty(f'x{n}') for n in range(200)]", "bash('a')"),
        (
            "bash('a') >> [empty(f'x{n}') for n in range(201)]",
            "[empty(f'x{n}') for n in range(201)] >> bash('a')",
            "with TaskGroup('g') as g: [empty(f'x{n}') for n in range(250)]\ng >> bash('a')",
        ),
    ),
    "chain-too-long": Cases(
        (
            "bash('a') >> bash('b')",
            "chain(*[empty(f'x{n}') for n in range(100)])",
            "bash('a') >> [empty(f'x{n}') for n in range(150)] >> bash('z')",
        ),
        (
            "chain(*[empty(f'x{n}') for n in range(101)])",
            "chain(bash('a'), [bash('b'), bash('c')], *[empty(f'x{n}') for n in range(99)])",
            "with TaskGroup('g') as g: chain(*[empty(f'x{n}') for n in range(100)])\ng >> bash('a')",
        ),
    ),
    "latest-image": Cases(
        (
            "Pod(task_id='a', image='europe-docker.pkg.dev/acme/etl/load:1.4.2')",
            "Pod(task_id='a', image='registry:5000/load@sha256:' + 'a' * 64)",
            "Pod(task_id='a', image='{{ var.value.image }}')",
            "Pod(task_id='a', image='projects/acme/global/images/worker')",
        ),
        (
            "IMAGE = ''.join(['load', ':la', 'test'])\nPod(task_id='a', image=IMAGE)",
            "for name in ['load', 'clean']: Pod(task_id=name, image=f'registry:5000/acme/{name}')",
            "Pod.partial(task_id='a').expand(image=['acme/load:1', 'acme/load:latest'])",
            "with DAG('b', schedule=None, default_args={'image': 'load'}): Pod(task_id='a')",
        ),
    ),
    "invalid-cron": Cases(
        (write_dag("schedule='0 5 * * 1-5'"), write_dag("schedule='@hourly'"), write_dag(f"schedule={HOUR}")),
        (write_dag("schedule='0 25 * * *'"), write_dag("schedule='daily'"), write_dag("schedule='* * * *'")),
    ),
    "catchup-on": Cases(
        (write_dag("schedule='@daily'"), write_dag("schedule=None"), write_dag("schedule='@daily', catchup=False")),
        tuple(
            write_dag(f"schedule={schedule}, start_date=dt.datetime(2024, 1, 1), catchup={value}")
            for schedule, value in (("'@daily'", "True"), (HOUR, "True"), ("'0 1 * * *'", "bool('x')"))
        ),
    ),
    "dagrun-timeout-missing": Cases(
        (
            write_dag(f"schedule='@daily', dagrun_timeout={HOUR}"),
            write_dag("schedule=None"),
            write_dag("schedule='@once'"),
        ),
        (write_dag("schedule='@daily'"), write_dag(f"schedule={HOUR}"), "bash('a')"),
    ),
    "retries-missing": Cases(
        ("bash('a', retries=2)", "empty('a')", write_dag("schedule=None, default_args={'retries': 1}")),
        ("bash('a')", "bash('a', retries=0)", "BashOperator.partial(task_id='a').expand(bash_command=['x'])"),
    ),
    "too-many-retries": Cases(
        ("bash('a', retries=10)", "bash('a')", f"{MAPPED}, retries=3).expand(bash_command=['x'])"),
        (
            "bash('a', retries=11)",
            'with DAG("etl", schedule=None, default_args={"retries": 99}): bash("a")',
            f"{MAPPED}, retries=50).expand(bash_command=['x'])",
        ),
    ),
    "backoff-without-cap": Cases(
        (
            "bash('a', retries=3, retry_exponential_backoff=2)",
            f"bash('a', retries=20, retry_exponential_backoff=2, max_retry_delay={HOUR})",
            f"bash('a', retries=20, retry_delay={HOUR})",
        ),
        (
            "bash('a', retries=20, retry_exponential_backoff=2)",
            f"bash('a', retries=6, retry_exponential_backoff=2, retry_delay={HOUR})",
            f"{MAPPED}, retries=20, retry_exponential_backoff=True).expand(bash_command=['x'])",
        ),
    ),
    "execution-timeout-missing": Cases(
        (f"bash('a', execution_timeout={HOUR})", "empty('a')", "Wait(task_id='a')"),
        ("bash('a')", "bash('a', execution_timeout=None)", "@task\ndef t(): pass\nt()"),
    ),
    "sensor-holds-slot": Cases(
        (
            "Wait(task_id='a', mode='reschedule')",
            "Wait(task_id='a', timeout=600)",
            "Wait(task_id='a', deferrable=True)",
        ),
        (
            "Wait(task_id='a')",
            "Wait(task_id='a', timeout=86400)",
            "Wait.partial(task_id='a', timeout=7200).expand(soft_fail=[True])",
        ),
    ),
    "reschedule-too-often": Cases(
        (
            "Wait(task_id='a', mode='reschedule')",
            "Wait(task_id='a', poke_interval=5)",
            "Wait(task_id='a', mode='reschedule', poke_interval=5, deferrable=True)",
        ),
        (
            "Wait(task_id='a', mode='reschedule', poke_interval=5)",
            "Wait(task_id='a', mode='reschedule', poke_interval=dt.timedelta(seconds=59))",
            "Wait.partial(task_id='a', mode='reschedule', poke_interval=1).expand(timeout=[5])",
        ),
    ),
    "deferrable-unused": Cases(
        ("Wait(task_id='a', deferrable=True)", "bash('a')", "empty('a')"),
        (
            "Wait(task_id='a')",
            "Wait(task_id='a', deferrable=False)",
            "Wait.partial(task_id='a').expand(timeout=[1])",
        ),
    ),
    "default-owner": Cases(
        ("bash('a', owner='data')", write_dag("schedule=None, default_args={'owner': 'x'}"), "bash('a', owner='')"),
        ("bash('a')", "bash('a', owner='airflow')", "BashOperator.partial(task_id='a').expand(bash_command=['x'])"),
    ),
    "tags-missing": Cases(
        (write_dag("schedule=None, tags=['x']"), write_dag("schedule=None, tags=('a', 'b')"),
         "@dag(schedule=None, tags={'x'})\ndef f(): empty('a')\nf()"),
        (write_dag("schedule=None"), write_dag("schedule=None, tags=[]"), "bash('a')"),
    ),
    "default-service-account": Cases(
        (f"CloudOperator(task_id='a', impersonation_chain='{ETL}')", "CloudOperator(task_id='a')", "bash('a')"),
        (
            "CloudOperator(task_id='a', impersonation_chain='12-compute@developer.gserviceaccount.com')",
            BATCH.format({"service_account": "p@appspot.gserviceaccount.com"}),
            "BashOperator(task_id='a', bash_command='gcloud --account=7-compute@developer.gserviceaccount.com')",
        ),
    ),
    "templated-identity": Cases(
        (
            f"CloudOperator(task_id='a', impersonation_chain='{ETL}')",
            "bash('a')",
            "Pod(task_id='a', namespace='{{ x }}')",
        ),
        (
            "CloudOperator(task_id='a', impersonation_chain='{{ params.who }}')",
            "CloudOperator(task_id='a', gcp_conn_id='team_{{ params.team }}')",
            "CloudOperator(task_id='a', impersonation_chain=bash('b').output)",
            "CloudOperator.partial(task_id='a').expand_kwargs(bash('b').output)",
        ),
    ),
    "privileged-pod": Cases(
        ("Pod(task_id='a')", "Pod(task_id='a', hostnetwork=False)", "Pod(task_id='a', volumes=[{'emptyDir': {}}])"),
        (
            "Pod(task_id='a', hostnetwork=True)",
            "Pod(task_id='a', volumes=[{'host_path': {'path': '/var'}}])",
            "bash('a', executor_config={'pod_override': {'spec': {'hostPID': True}}})",
        ),
    ),
    "environment-identity": Cases(
        (
            "CloudOperator(task_id='a', gcp_conn_id='team')",
            f"CloudOperator(task_id='a', impersonation_chain='{ETL}')",
            "bash('a')",
        ),
        (
            "CloudOperator(task_id='a')",
            "CloudOperator(task_id='a', impersonation_chain='')",
            "class Mine(CloudOperator): pass\nMine(task_id='a')",
        ),
    ),
    "body-without-service-account": Cases(
        (
            BATCH.format({"environment_config": {"execution_config": {"service_account": ETL}}}),
            BATCH.format({"environmentConfig": {"executionConfig": {"serviceAccount": ETL}}}),
            "CloudOperator(task_id='a')",
        ),
        (
            BATCH.format({"pyspark_batch": {}}),
            BATCH.format({"environment_config": {"execution_config": {"network_uri": "x"}}}),
            "class Mine(DataprocCreateBatchOperator): pass\nMine(task_id='a', batch={'spark_batch': {}})",
        ),
    ),
    "public-address": Cases(
        (
            SQL.format(PRIVATE),
            f"Insert.partial(task_id='a').expand(body=[{PRIVATE}])",
            "RunPipelineJobOperator(task_id='a', network='projects/1/global/networks/ours')",
            BATCH.format({"network_interfaces": [{"network": "ours", "access_configs": []}], "ingress": "internal"}),
            BATCH.format({"allowedIpRanges": [{"value": "192.168.1.1"}, {"value": "2001:db8::/32"}, {"value": 7}]}),
            BATCH.format({"internalIpOnly": True, "usePublicIps": "no", "ip_configuration": {}, "params": "0.0.0.0/0"}),
        ),
        (
            SQL.format({}),
            SQL.format({**PRIVATE, "replica": {"ipv4Enabled": "TRUE "}}),
            SQL.format("{{ params.body }}").replace("{{", "'{{").replace("}}", "}}'"),
            f"Insert.partial(task_id='a').expand(body=[{PRIVATE}, {{}}])",
            "class Harmless(Insert): pass\nHarmless(task_id='a', body={'settings': {}})",
            "RunPipelineJobOperator(task_id='a')",
            "RunPipelineJobOperator(task_id='a', network='')",
            BATCH.format({"networkInterfaces": [{"accessConfigs": [{}]}]}),
            BATCH.format({"environment": {"ipConfiguration": "WORKER_IP_PUBLIC"}}),
            BATCH.format({"authorizedNetworks": [{"value": "0.0.0.0/1"}, {"value": "128.0.0.0/1"}]}),
            BATCH.format({"master": {"cidrBlocks": [{"cidrBlock": "::/0"}]}}),
            "BashOperator(task_id='a', bash_command='x', executor_config={'disable_public_ip': False})",
        ),
    ),
    "pod-without-service-account": Cases(
        (
            "Pod(task_id='a', service_account_name='etl')",
            "Pod(task_id='a', full_pod_spec={'spec': {'serviceAccountName': 'etl'}})",
            "bash('a')",
        ),
        (
            "Pod(task_id='a')",
            "Pod(task_id='a', service_account_name='')",
            "Pod.partial(task_id='a').expand(image=['x', 'y'])",
        ),
    ),
    "pod-override-identity": Cases(
        ("bash('a')", "bash('a', executor_config={'pod_override': {'spec': {}}})", "Pod(task_id='a')"),
        tuple(
            f"bash('a', executor_config={config})"
            for config in (
                "{'pod_override': {'spec': {'serviceAccountName': 'root'}}}",
                "{'pod_override': {'spec': {'service_account_name': 'root'}}}",
                "{'KubernetesExecutor': {'service_account_name': 'root'}}",
            )
        ),
    ),
    "identity-unreadable": Cases(
        (f"CloudOperator(task_id='a', impersonation_chain=('{ETL}',))", "CloudOperator(task_id='a')", "bash('a')"),
        (
            "class Text(str): pass\nCloudOperator(task_id='a', impersonation_chain=Text('x'))",
            BATCH.format("object()"),
            "bash('a', executor_config={'pod_override': object()})",
            "class P(CloudOperator):\n  gcp_conn_id = property(lambda self: 'x', lambda self, _: 0)\nP(task_id='a')",
        ),
    ),
    "object-lies": Cases(
        (
            "bash('a')",
            "class P(CloudOperator):\n  def __getattr__(self, name): raise AttributeError(name)\nP(task_id='a')",
            "class P(CloudOperator):\n  @property\n  def x(self): return 1\nP(task_id='a')",
        ),
        (
            "class P(CloudOperator):\n  def __getattribute__(s, n): return super().__getattribute__(n)\nP(task_id='a')",
            "class P(CloudOperator):\n    __class__ = property(lambda self: EmptyOperator)\nP(task_id='a')",
            "# a false DAG\nclass F:\n    __class__ = property(lambda self: DAG)\nfake = F()",
        ),
    ),
    "tasks-unreadable": Cases(
        ("bash('a')", "empty('a')", "bash('a').dag.task_dict.clear()"),
        (
            "bash('a').dag.task_dict['b'] = object()",
            "bash('a').dag.task_dict[7] = empty('b')",
            "bash('a').dag.task_dict = [empty('b')]",
        ),
    ),
    "grants-access": Cases(
        ("bash('a')", "CloudOperator(task_id='a')", "empty('GCSBucketCreateAclEntryOperator')"),
        (
            "GCSBucketCreateAclEntryOperator(task_id='a')",
            "with TaskGroup('g'): GCSBucketCreateAclEntryOperator(task_id='a')",
            "GCSBucketCreateAclEntryOperator.partial(task_id='a').expand(gcp_conn_id=['x'])",
        ),
    ),
    "file-without-dag": Cases(
        ("bash('a')", write_dag("schedule=None"), "@dag(schedule=None)\ndef f(): empty('a')\nf()"),
        (
            "# no DAG here",
            "# forgotten\n@dag(schedule=None)\ndef f(): empty('a')",
            '# in a list\nheld = [DAG("etl", schedule=None)]',
        ),
    ),
    "many-dags-in-file": Cases(
        (
            "bash('a')",
            write_dag("schedule=None"),
            "# 100\nfor n in range(100):\n  with DAG(f'etl{n}', schedule=None): empty('a')",
        ),
        (
            "# 101\nfor n in range(101):\n  with DAG(f'etl{n}', schedule=None): empty('a')",
            "# globals\nfor n in range(120): globals()[f'd{n}'] = DAG(f'etl{n}', schedule=None)",
            "# decorated\nfor n in range(101):\n  @dag(dag_id=f'etl{n}', schedule=None)\n  def f(): empty('a')\n  f()",
        ),
    ),
}  # fmt: skip
