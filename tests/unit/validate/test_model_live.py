"""Real DAG files, imported here: what the model says of them, and of those that lie."""

from __future__ import annotations

import pytest
from tests.unit.validate.importing import ReadDagFile

from dagwarden.validate.model import DagModel, FactKind, FileModel, Known, ScheduleKind, Sensor, Target, TaskModel

CLOUD = """
class CloudOperator(BaseOperator):
    template_fields = ("gcp_conn_id", "impersonation_chain")
    def __init__(self, *, gcp_conn_id="google_cloud_default", impersonation_chain=None, **kwargs):
        super().__init__(**kwargs)
        self.gcp_conn_id, self.impersonation_chain = gcp_conn_id, impersonation_chain

class DataprocCreateBatchOperator(CloudOperator):
    def __init__(self, *, batch, **kwargs):
        super().__init__(**kwargs)
        self.batch = batch

class PodOperator(BaseOperator):
    def __init__(self, *, image=None, namespace=None, service_account_name=None, pod_template_dict=None, env_vars=None,
                 hostnetwork=False, **kwargs):
        super().__init__(**kwargs)
        self.image, self.namespace, self.service_account_name = image, namespace, service_account_name
        self.pod_template_dict, self.env_vars, self.hostnetwork = pod_template_dict, env_vars, hostnetwork
"""
ETL = "etl@acme.iam.gserviceaccount.com"


def only_dag(model: FileModel) -> DagModel:
    (dag,) = model.dags
    return dag


def only_task(model: FileModel) -> TaskModel:
    (task,) = only_dag(model).tasks
    return task


def facts(task: TaskModel, *kinds: FactKind) -> set[tuple[str, str, str]]:
    return {(fact.argument, fact.value, fact.known) for fact in task.facts if fact.kind in kinds}


def test_a_dag_is_told_whole(read_dag_file: ReadDagFile) -> None:
    dag = only_dag(
        read_dag_file("""
        with DAG("etl", schedule="0 5 * * *", start_date=dt.datetime(2024, 1, 1), catchup=False, max_active_runs=1,
                 dagrun_timeout=dt.timedelta(hours=2), tags=["b", "a"], params={"x": 1}, doc_md="words",
                 default_args={"owner": "data", "retries": 2, "retry_delay": dt.timedelta(minutes=3)},
                 access_control={"viewers": {"can_read"}}, is_paused_upon_creation=True):
            with TaskGroup("load"):
                one = BashOperator(task_id="one", bash_command="true", execution_timeout=dt.timedelta(hours=1))
                one >> EmptyOperator(task_id="two", trigger_rule="all_done", pool="small")
        """)
    )
    assert (dag.dag_id, dag.schedule.kind, dag.schedule.text) == ("etl", ScheduleKind.CRON, "0 5 * * *")
    assert (dag.start_date, dag.catchup, dag.max_active_runs) == ("2024-01-01T00:00:00Z", False, 1)
    assert (dag.dagrun_timeout_s, dag.tags, dag.params, dag.doc_length) == (7200.0, ("a", "b"), ("x",), 5)
    assert (dag.owners, dag.groups, dag.is_paused_upon_creation) == (("data",), ("load",), True)
    assert dag.access_control[0].permissions == ("DAGs:can_read",)
    one, two = dag.tasks
    assert (one.task_id, one.group, one.downstream, one.retries) == ("load.one", "load", ("load.two",), 2)
    assert (one.retry_delay_s, one.execution_timeout_s) == (180.0, 3600.0)
    assert one.operator == "airflow.providers.standard.operators.bash.BashOperator"
    assert one.is_library
    assert (two.trigger_rule, two.pool, two.upstream) == ("all_done", "small", ("load.one",))


@pytest.mark.parametrize(
    ("schedule", "kind", "text"),
    [
        ("None", ScheduleKind.NONE, ""),
        ("'@once'", ScheduleKind.ONCE, ""),
        ("'@daily'", ScheduleKind.CRON, "0 0 * * *"),
        ("dt.timedelta(hours=1)", ScheduleKind.INTERVAL, "3600 s"),
        ("[Asset('s3://b/x'), Asset('y')]", ScheduleKind.ASSETS, ""),
        ("Asset('a') | AssetAlias('z')", ScheduleKind.ASSETS, ""),
        ("CronTriggerTimetable('1 2 * * 3', timezone='UTC')", ScheduleKind.CRON, "1 2 * * 3"),
    ],
)
def test_schedules_are_told_by_kind(read_dag_file: ReadDagFile, schedule: str, kind: ScheduleKind, text: str) -> None:
    dag = only_dag(
        read_dag_file(f"""
        from airflow.sdk import Asset, AssetAlias, CronTriggerTimetable
        with DAG("etl", schedule={schedule}): EmptyOperator(task_id="a")
        """)
    )
    assert (dag.schedule.kind, dag.schedule.text) == (kind, text)
    assert bool(dag.schedule.assets) is (kind is ScheduleKind.ASSETS)


def test_how_each_identity_came_about_is_told(read_dag_file: ReadDagFile) -> None:
    dag = only_dag(
        read_dag_file(f"""{CLOUD}
@task
def later(): return []
with DAG("etl", schedule=None, default_args={{"gcp_conn_id": "team"}}):
    CloudOperator(task_id="inherits")
    CloudOperator(task_id="says", gcp_conn_id="own", impersonation_chain=["{ETL}", "b@x"])
    CloudOperator(task_id="templated", impersonation_chain="{{{{ var.value.account }}}}")
    CloudOperator.partial(task_id="mapped", gcp_conn_id="own").expand(impersonation_chain=["{ETL}", "b@x"])
    CloudOperator.partial(task_id="unknown").expand(impersonation_chain=later())
    CloudOperator.partial(task_id="all").expand_kwargs(later())
    changed = CloudOperator(task_id="changed")
    changed.impersonation_chain = "{ETL}"
""")
    )
    tasks = {task.task_id: task for task in dag.tasks}
    conn, who = "gcp_conn_id", "impersonation_chain"
    seen = {
        name: facts(tasks[name], FactKind.CONNECTION, FactKind.IMPERSONATION, FactKind.DELEGATE, FactKind.ARGUMENTS)
        for name in ("inherits", "says", "templated", "mapped", "unknown", "all", "changed")
    }
    assert seen == {
        "inherits": {(conn, "team", "default-args"), (who, "", "absent")},
        "says": {(conn, "own", "literal"), (f"{who}[0]", ETL, "literal"), (f"{who}[1]", "b@x", "literal")},
        "templated": {(conn, "team", "default-args"), (who, "{{ var.value.account }}", "templated")},
        "mapped": {(conn, "own", "literal"), (who, ETL, "mapped"), (who, "b@x", "mapped")},
        "unknown": {(conn, "team", "default-args"), (who, "", "templated")},
        "all": {(conn, "team", "default-args"), ("expand_kwargs", "", "templated"), (who, "", "absent")},
        "changed": {(conn, "team", "default-args"), (who, ETL, "default")},
    }
    assert facts(tasks["says"], FactKind.DELEGATE) == {(f"{who}[0]", ETL, "literal")}
    assert tasks["mapped"].is_mapped


def test_a_class_default_and_the_environments_own_are_told_apart(read_dag_file: ReadDagFile) -> None:
    task = only_task(read_dag_file(f"{CLOUD}\nwith DAG('etl', schedule=None): CloudOperator(task_id='bare')"))
    assert facts(task, FactKind.CONNECTION) == {("gcp_conn_id", "google_cloud_default", "default")}
    assert facts(task, FactKind.IMPERSONATION) == {("impersonation_chain", "", "absent")}


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ({"environment_config": {"execution_config": {"service_account": ETL}}}, (ETL, "literal")),
        ({"environmentConfig": {"executionConfig": {"serviceAccount": ETL}}}, (ETL, "literal")),
        ({"environment_config": {"execution_config": {}}}, ("", "absent")),
        ({"environment_config": "{{ params.config }}"}, ("", "templated")),
    ],
)
def test_service_accounts_in_bodies_are_found_or_told_absent(
    read_dag_file: ReadDagFile, batch: object, expected: tuple[str, str]
) -> None:
    text = f"{CLOUD}\nwith DAG('etl', schedule=None): DataprocCreateBatchOperator(task_id='run', batch={batch!r})"
    task = only_task(read_dag_file(text))
    assert {(value, known) for _, value, known in facts(task, FactKind.SERVICE_ACCOUNT)} == {expected}


def test_what_a_pod_may_do_is_told(read_dag_file: ReadDagFile) -> None:
    task = only_task(
        read_dag_file(f"""{CLOUD}
with DAG("etl", schedule=None):
    PodOperator(task_id="pod", image="gcr.io/x:1", namespace="prod", service_account_name="root", hostnetwork=True,
        env_vars={{"TOKEN": "hush"}},
        pod_template_dict={{"spec": {{"serviceAccountName": "other", "volumes": [{{"hostPath": {{"path": "/"}}}}],
          "containers": [{{"image": "evil", "securityContext": {{"privileged": True, "runAsUser": 0}},
             "env": [{{"name": "K", "valueFrom": {{"secretKeyRef": {{"name": "db", "key": "k"}}}}}}]}}]}}}})
""")
    )
    where = "pod_template_dict.spec"
    assert {value for _, value, _ in facts(task, FactKind.KUBERNETES_SERVICE_ACCOUNT)} == {"root", "other"}
    assert {value for _, value, _ in facts(task, FactKind.IMAGE)} == {"gcr.io/x:1", "evil"}
    assert {value for _, value, _ in facts(task, FactKind.SECRET)} == {"db"}
    assert {value for _, value, _ in facts(task, FactKind.ENVIRONMENT_VARIABLE)} == {"TOKEN", "K"}
    assert {place: value for place, value, _ in facts(task, FactKind.KUBERNETES_SETTING)} == {
        "hostnetwork": "true",
        f"{where}.volumes[0].hostPath": '{"path": "/"}',
        f"{where}.containers[0].securityContext.privileged": "true",
        f"{where}.containers[0].securityContext.runAsUser": "0",
    }
    assert "hush" not in str(task)


def test_an_executor_config_that_cannot_be_read_is_no_silence(read_dag_file: ReadDagFile) -> None:
    task = only_task(
        read_dag_file("""
        class Pod: pass
        with DAG("etl", schedule=None):
            BashOperator(task_id="a", bash_command="true", executor_config={"pod_override": Pod()}, run_as_user="root")
        """)
    )
    assert facts(task, FactKind.POD_TEMPLATE) == {("executor_config.pod_override", "", "unreadable")}
    assert facts(task, FactKind.USER) == {("run_as_user", "root", "literal")}


def test_accounts_named_in_commands_are_mentioned(read_dag_file: ReadDagFile) -> None:
    task = only_task(
        read_dag_file(f"""
        with DAG("etl", schedule=None):
            BashOperator(task_id="a", bash_command="gcloud --impersonate-service-account={ETL} info")
        """)
    )
    assert facts(task, FactKind.MENTION) == {("bash_command", ETL, "literal")}


def test_sensors_targets_and_branches_are_told(read_dag_file: ReadDagFile) -> None:
    dag = only_dag(
        read_dag_file("""
        from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
        from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
        class Mine(ExternalTaskSensor): pass
        with DAG("etl", schedule=None):
            Mine(task_id="wait", external_dag_id="other", external_task_id="load", mode="reschedule", timeout=60)
            TriggerDagRunOperator.partial(task_id="go").expand(trigger_dag_id=["x", "y"])
            TriggerDagRunOperator(task_id="later", trigger_dag_id="{{ params.dag }}")
            @task.branch
            def choose(): return "go"
            choose()
        """)
    )
    wait, go, later, choose = dag.tasks
    assert wait.sensor == Sensor(mode="reschedule", timeout_s=60.0, poke_interval_s=60.0)
    assert wait.targets == (Target(dag_id="other", task_ids=("load",), known=Known.LITERAL),)
    assert not wait.is_library
    assert wait.is_a("ExternalTaskSensor")
    assert [target.dag_id for target in go.targets] == ["x", "y"]
    assert later.targets[0].known is Known.TEMPLATED
    assert choose.is_branch


LIES = {
    "a property over an argument": """
class Liar(CloudOperator):
    @property
    def impersonation_chain(self): return "innocent@acme.iam.gserviceaccount.com"
    @impersonation_chain.setter
    def impersonation_chain(self, value): self.__dict__["secret"] = value
""",
    "getattribute": """
class Liar(CloudOperator):
    def __getattribute__(self, name):
        if name == "impersonation_chain": return "innocent@acme.iam.gserviceaccount.com"
        return super().__getattribute__(name)
""",
    "a metaclass": """
class Meta(type(CloudOperator)):
    def __getattribute__(cls, name):
        return "EmptyOperator" if name in ("__name__", "__qualname__") else super().__getattribute__(name)
    def __eq__(cls, other): return True
    def __hash__(cls): return 0
    def __instancecheck__(cls, value): return True
class Liar(CloudOperator, metaclass=Meta): pass
""",
    "a class that says it is another": """
class Liar(CloudOperator):
    @property
    def __class__(self): return EmptyOperator
""",
    "a class under a library's name": """
class Liar(CloudOperator): pass
Liar.__module__, Liar.__qualname__ = EmptyOperator.__module__, "EmptyOperator"
""",
    "a dictionary that answers otherwise": """
class Dict(dict):
    def items(self): return []
    def __getitem__(self, name): return "innocent"
class Liar(CloudOperator):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.impersonation_chain = Dict(a=1)
""",
}


@pytest.mark.parametrize("lie", LIES)
def test_no_lie_hides_an_identity(read_dag_file: ReadDagFile, lie: str) -> None:
    task = only_task(
        read_dag_file(f"""{CLOUD}{LIES[lie]}
with DAG("etl", schedule=None):
    Liar(task_id="a", impersonation_chain="{ETL}")
""")
    )
    chain = facts(task, FactKind.IMPERSONATION)
    assert {value for _, value, _ in chain} <= {ETL, ""}
    assert {known for _, _, known in chain} <= {"literal", "unreadable"}
    assert chain
    assert not task.is_library
    assert task.is_a("BaseOperator")


def test_a_class_that_shows_other_attributes_is_named(read_dag_file: ReadDagFile) -> None:
    for lie, name in (("getattribute", "__getattribute__"), ("a class that says it is another", "__class__")):
        text = f"{CLOUD}{LIES[lie]}\nwith DAG('etl', schedule=None): Liar(task_id='a')"
        (unreadable,) = only_task(read_dag_file(text)).unreadable
        assert unreadable.endswith(f"Liar.{name}")


def test_an_object_that_passes_for_a_dag_is_named(read_dag_file: ReadDagFile) -> None:
    model = read_dag_file("""
    class Impostor:
        @property
        def __class__(self): return DAG
    fake = Impostor()
    """)
    assert (model.dags, model.impostors) == ((), ("fake",))


def test_a_patched_operator_is_named(read_dag_file: ReadDagFile) -> None:
    original = "original = EmptyOperator.execute"
    model = read_dag_file(f"""
    {original}
    def execute(self, context): return None
    EmptyOperator.execute = execute
    with DAG("etl", schedule=None): EmptyOperator(task_id="a")
    """)
    from airflow.providers.standard.operators.empty import EmptyOperator

    try:
        assert model.patched == ("airflow.providers.standard.operators.empty.EmptyOperator.execute",)
    finally:
        EmptyOperator.execute = EmptyOperator.execute.__globals__["original"]


def test_dags_are_found_wherever_airflow_finds_them(read_dag_file: ReadDagFile) -> None:
    model = read_dag_file("""
    held = DAG("held", schedule=None)
    again = held
    @dag(schedule=None)
    def made(): EmptyOperator(task_id="a")
    made()
    def build():
        with DAG("inner", schedule=None): EmptyOperator(task_id="a")
        DAG("lost", schedule=None)
        with DAG("unregistered", schedule=None, auto_register=False): EmptyOperator(task_id="a")
    build()
    in_a_list = [DAG("listed", schedule=None)]
    """)
    assert [found.dag_id for found in model.dags] == ["held", "inner", "made"]


def test_the_model_is_bounded_and_says_so(read_dag_file: ReadDagFile) -> None:
    model = read_dag_file("""
    with DAG("etl", schedule=None, tags=[f"tag{n}" for n in range(400)]):
        BashOperator(task_id="a", bash_command="x" * 1_000_000, env={f"V{n}": "x" for n in range(1_000)})
    """)
    assert {(cut.what, cut.kept) for cut in model.cuts} == {("tags", 256), ("facts of task a", 128)}
    assert len(only_task(model).facts) == 128


def test_a_body_without_end_is_read_to_a_depth(read_dag_file: ReadDagFile) -> None:
    text = f"{CLOUD}\nbody = {{}}\nbody['environment_config'] = body\n"
    text += "with DAG('etl', schedule=None): DataprocCreateBatchOperator(task_id='a', batch=body)"
    assert facts(only_task(read_dag_file(text)), FactKind.SERVICE_ACCOUNT)
