# ruff: noqa: E501 (one attempt a line: literal data)
"""Attempts through what operators are given: chains, connections, accounts in bodies."""

from __future__ import annotations

from tests.scenarios.red_team.attempt import FINANCE, SALES, WORKER, Attempt

BQ = "BigQueryInsertJobOperator"
CHAIN = f"{BQ}(task_id='t', impersonation_chain={{}})"
IMPERSONATION, ACCOUNT, CONNECTION = (
    "impersonation-not-allowed",
    "service-account-not-allowed",
    "connection-not-allowed",
)


def swap(  # noqa: PLR0917 (the columns of a table)
    name: str, rule: str, text: str, bad: str = FINANCE, good: str = SALES, says: str | None = None
) -> Attempt:
    """An attempt and a twin that differ in one value."""
    return Attempt(name, rule, text.replace("WHO", bad), text.replace("WHO", good), bad if says is None else says)


def body(name: str, operator: str, argument: str, value: str) -> Attempt:
    """A body that names an account; the caller itself impersonates who it may."""
    call = f"{operator}(task_id='t', impersonation_chain='{SALES}', {argument}={value})"
    return swap(name, ACCOUNT, call)


BY_CHAIN: tuple[Attempt, ...] = (
    swap("naming another's account in `impersonation_chain`", IMPERSONATION, f"{BQ}(task_id='t', impersonation_chain='WHO')"),
    swap("ending a chain of several with it", IMPERSONATION, f"{BQ}(task_id='t', impersonation_chain=['broker-sales@acme.iam.gserviceaccount.com', 'WHO'])"),
    swap("going through another's account as a delegate", IMPERSONATION, f"{BQ}(task_id='t', impersonation_chain=['WHO', '{SALES}'])", good="broker-sales@acme.iam.gserviceaccount.com"),
    swap("writing a chain as one text with commas, which a glob would cover", IMPERSONATION, f"{BQ}(task_id='t', impersonation_chain='WHO')", "etl-sales@acme.iam.gserviceaccount.com,etl-finance@acme.iam.gserviceaccount.com"),
    swap("`google_impersonation_chain` of a transfer", IMPERSONATION, "S3ToGCSOperator(task_id='t', google_impersonation_chain='WHO')"),
    swap("the destination's chain of a transfer", IMPERSONATION, f"GCSTimeSpanFileTransformOperator(task_id='t', source_impersonation_chain='{SALES}', destination_impersonation_chain='WHO')"),
    Attempt("leaving the destination's chain of a transfer out", "environment-identity",
            f"GCSTimeSpanFileTransformOperator(task_id='t', source_impersonation_chain='{SALES}')",
            f"GCSTimeSpanFileTransformOperator(task_id='t', source_impersonation_chain='{SALES}', destination_impersonation_chain='{SALES}')",
            "destination_gcp_conn_id"),
    Attempt("naming nobody: the environment's own account", "environment-identity", f"{BQ}(task_id='t')", CHAIN.format(repr(SALES)), "gcp_conn_id"),
    Attempt("naming no connection", "environment-identity", f"{BQ}(task_id='t', gcp_conn_id=None)", f"{BQ}(task_id='t', gcp_conn_id='sales_gcp')", "gcp_conn_id"),
    swap("impersonating the environment's own account", "environment-identity", f"{BQ}(task_id='t', impersonation_chain='WHO')", WORKER),
    swap("default_args of the DAG", IMPERSONATION, f"#\nwith DAG('NAME', schedule=None, default_args={{'impersonation_chain': 'WHO'}}):\n    {BQ}(task_id='t')"),
    swap("default_args of a task group", IMPERSONATION, f"with TaskGroup('g', default_args={{'impersonation_chain': 'WHO'}}):\n    {BQ}(task_id='t')"),
    swap("default_args of a decorated DAG", IMPERSONATION, f"#\n@dag(dag_id='NAME', schedule=None, default_args={{'impersonation_chain': 'WHO'}})\ndef made():\n    {BQ}(task_id='t')\nmade()"),
    swap("one of the values that a mapped task expands over", IMPERSONATION, f"{BQ}.partial(task_id='t').expand(impersonation_chain=['{SALES}', 'WHO'])"),
    swap("`expand_kwargs`", IMPERSONATION, f"{BQ}.partial(task_id='t').expand_kwargs([{{'impersonation_chain': '{SALES}'}}, {{'impersonation_chain': 'WHO'}}])"),
    swap("`partial`", IMPERSONATION, f"{BQ}.partial(task_id='t', impersonation_chain='WHO').expand(configuration=[{{}}, {{}}])"),
    Attempt("nobody in one of the values of a mapped task", "environment-identity",
            f"{BQ}.partial(task_id='t').expand(impersonation_chain=['{SALES}', None])",
            f"{BQ}.partial(task_id='t').expand(impersonation_chain=['{SALES}', '{SALES}'])", "gcp_conn_id"),
    swap("default_args of a mapped task's DAG", IMPERSONATION, f"#\nwith DAG('NAME', schedule=None, default_args={{'impersonation_chain': 'WHO'}}):\n    {BQ}.partial(task_id='t').expand(configuration=[{{}}])"),
    swap("a subclass that sets it", IMPERSONATION, f"#\nclass Harmless({BQ}):\n    def __init__(self, **kwargs):\n        super().__init__(impersonation_chain='WHO', **kwargs)\nwith DAG('NAME', schedule=None):\n    Harmless(task_id='t')"),
    swap("a subclass that overwrites what it was given", IMPERSONATION, f"#\nclass Harmless({BQ}):\n    def __init__(self, **kwargs):\n        super().__init__(**kwargs)\n        self.impersonation_chain = 'WHO'\nwith DAG('NAME', schedule=None):\n    Harmless(task_id='t', impersonation_chain='{SALES}')"),
    swap("a class made by `type`", IMPERSONATION, f"#\nHarmless = type('EmptyOperator', ({BQ},), {{}})\nwith DAG('NAME', schedule=None):\n    Harmless(task_id='t', impersonation_chain='WHO')"),
    swap("an operator under another name", IMPERSONATION, f"#\nfrom standins import {BQ} as EmptyOperator\nwith DAG('NAME', schedule=None):\n    EmptyOperator(task_id='t', impersonation_chain='WHO')"),
    swap("a factory", IMPERSONATION, f"#\ndef make(who):\n    return {BQ}(task_id='t', impersonation_chain=who)\nwith DAG('NAME', schedule=None):\n    make('@'.join('WHO'.split('@')))"),
    swap("an operator of a plugin, which chooses by what it is given", IMPERSONATION, "TeamsOperator(task_id='t', team='WHO')", "finance", "sales", FINANCE),
    swap("an operator made in a loop over several", IMPERSONATION, f"for n, who in enumerate(['{SALES}', 'WHO']):\n    {BQ}(task_id=f't-{{n}}', impersonation_chain=who)", good="etl-sales-eu@acme.iam.gserviceaccount.com"),
    swap("changing the task after it was made", IMPERSONATION, f"t = {BQ}(task_id='t', impersonation_chain='{SALES}')\nt.impersonation_chain = 'WHO'"),
    swap("changing all tasks of the DAG after they were made", IMPERSONATION, f"#\nwith DAG('NAME', schedule=None) as made:\n    {BQ}(task_id='t', impersonation_chain='{SALES}')\nfor each in made.tasks:\n    setattr(each, 'impersonation_chain', 'WHO')"),
    swap("letters of another case", IMPERSONATION, f"{BQ}(task_id='t', impersonation_chain='WHO')", "ETL-Finance@acme.iam.gserviceaccount.com", "ETL-Sales@acme.iam.gserviceaccount.com"),
    swap("an account of the same name in another project", "service-account-of-another-project", f"{BQ}(task_id='t', impersonation_chain='WHO')", "etl-sales@acme-lab.iam.gserviceaccount.com"),
    swap("a default account of Compute Engine", "default-service-account", f"{BQ}(task_id='t', impersonation_chain='WHO')", "123456789012-compute@developer.gserviceaccount.com"),
    swap("a default account of App Engine", "default-service-account", f"{BQ}(task_id='t', impersonation_chain='WHO')", "acme@appspot.gserviceaccount.com"),
    swap("a person of the domain, by delegation", "domain-wide-delegation", f"GoogleDriveToGCSOperator(task_id='t', impersonation_chain='{SALES}', delegate_to=WHO)", "'cfo@acme.example'", "None", "cfo@acme.example"),
)  # fmt: skip

BY_RUN_TIME: tuple[Attempt, ...] = (
    swap("Jinja", "templated-identity", f"{BQ}(task_id='t', impersonation_chain='WHO')", "{{ dag_run.conf.who }}", says="impersonation_chain"),
    swap("a Variable in Jinja", "templated-identity", f"{BQ}(task_id='t', impersonation_chain='WHO')", "{{ var.value.who }}@acme.iam.gserviceaccount.com", says="impersonation_chain"),
    Attempt("the output of another task", "templated-identity",
            f"@task\ndef who():\n    return 'x'\n{BQ}(task_id='t', impersonation_chain=who())",
            f"@task\ndef who():\n    return 'x'\nwho() >> {CHAIN.format(repr(SALES))}", "impersonation_chain"),
    Attempt("arguments that another task makes", "templated-identity",
            f"@task\ndef them():\n    return [{{}}]\n{BQ}.partial(task_id='t', impersonation_chain='{SALES}').expand_kwargs(them())",
            f"@task\ndef them():\n    return [{{}}]\n{BQ}.partial(task_id='t', impersonation_chain='{SALES}').expand(configuration=them())", "expand_kwargs"),
    Attempt("a text of a class of its own", "identity-unreadable",
            f"#\nclass Text(str):\n    def __str__(self):\n        return 'other'\nwith DAG('NAME', schedule=None):\n    {BQ}(task_id='t', impersonation_chain=Text('{SALES}'))",
            f"#\nclass Text(str):\n    pass\nwith DAG('NAME', schedule=None):\n    {BQ}(task_id='t', impersonation_chain=str('{SALES}'))", "impersonation_chain"),
    Attempt("a property of a subclass", "identity-unreadable",
            f"#\nclass Harmless({BQ}):\n    @property\n    def impersonation_chain(self):\n        return 'x'\n    @impersonation_chain.setter\n    def impersonation_chain(self, value):\n        pass\nwith DAG('NAME', schedule=None):\n    Harmless(task_id='t')",
            f"#\nclass Harmless({BQ}):\n    @property\n    def rows(self):\n        return 1\nwith DAG('NAME', schedule=None):\n    Harmless(task_id='t', impersonation_chain='{SALES}')", "impersonation_chain"),
    Attempt("a class that shows other attributes than it has", "identities-unknown",
            f"#\nclass Harmless({BQ}):\n    def __getattribute__(self, name):\n        return super().__getattribute__(name)\nwith DAG('NAME', schedule=None):\n    Harmless(task_id='t', impersonation_chain='{SALES}')",
            f"#\nclass Harmless({BQ}):\n    pass\nwith DAG('NAME', schedule=None):\n    Harmless(task_id='t', impersonation_chain='{SALES}')", "__getattribute__"),
    Attempt("an operator whose code the file replaced", "identities-unknown",
            "#\nBashOperator.execute = lambda self, context: None\nwith DAG('NAME', schedule=None):\n    BashOperator(task_id='t', bash_command='true')",
            "#\nclass Mine(BashOperator):\n    def execute(self, context):\n        return None\nwith DAG('NAME', schedule=None):\n    Mine(task_id='t', bash_command='true')", "execute"),
    Attempt("an object that passes for a DAG", "identities-unknown",
            f"#\nclass Passing:\n    @property\n    def __class__(self):\n        return DAG\nhidden = Passing()\nwith DAG('NAME', schedule=None):\n    {CHAIN.format(repr(SALES))}",
            f"#\nclass Passing:\n    pass\nhidden = Passing()\nwith DAG('NAME', schedule=None):\n    {CHAIN.format(repr(SALES))}", "hidden"),
    Attempt("more values than are read of one task", "identities-unknown",
            f"{BQ}.partial(task_id='t').expand(gcp_conn_id=[f'sales_{{n}}' for n in range(200)] + ['finance_gcp'])",
            f"{BQ}.partial(task_id='t').expand(gcp_conn_id=[f'sales_{{n}}' for n in range(20)])", "facts of task t"),
)  # fmt: skip

BY_BODY: tuple[Attempt, ...] = (
    body("a Dataproc cluster", "DataprocCreateClusterOperator", "cluster_config", "{'gce_cluster_config': {'service_account': 'WHO'}}"),
    body("a Dataproc batch, in camel case", "DataprocCreateBatchOperator", "batch", "{'environmentConfig': {'executionConfig': {'serviceAccount': 'WHO'}}}"),
    body("a Dataproc workflow", "DataprocInstantiateInlineWorkflowTemplateOperator", "template", "{'placement': {'managed_cluster': {'config': {'gce_cluster_config': {'service_account': 'WHO'}}}}}"),
    body("a Dataflow job", "DataflowTemplatedJobStartOperator", "environment", "{'serviceAccountEmail': 'WHO'}"),
    body("a Dataflow flex template", "DataflowStartFlexTemplateOperator", "body", "{'launchParameter': {'environment': {'serviceAccountEmail': 'WHO'}}}"),
    body("a Cloud Run job", "CloudRunCreateJobOperator", "job", "{'template': {'template': {'service_account': 'WHO'}}}"),
    body("a Cloud Function", "CloudFunctionDeployFunctionOperator", "body", "{'serviceAccountEmail': 'WHO'}"),
    body("a Batch job", "CloudBatchSubmitJobOperator", "job", "{'allocation_policy': {'service_account': {'email': 'WHO'}}}"),
    body("a build, by a full resource name", "CloudBuildCreateBuildOperator", "build", "{'service_account': 'projects/acme/serviceAccounts/WHO'}"),
    body("one of several accounts of a machine", "ComputeEngineInsertInstanceOperator", "body", f"{{'serviceAccounts': [{{'email': '{SALES}'}}, {{'email': 'WHO'}}]}}"),
    body("one of several node pools", "GKECreateClusterOperator", "body", f"{{'node_pools': [{{'config': {{'service_account': '{SALES}'}}}}, {{'config': {{'service_account': 'WHO'}}}}]}}"),
    body("a pipeline of Vertex AI", "RunPipelineJobOperator", "encryption_spec_key_name='projects/acme/locations/eu/keyRings/sales/k', service_account", "'WHO'"),
    body("a Cloud Run service", "CloudRunCreateServiceOperator", "service", "{'template': {'service_account': 'WHO'}}"),
    body("another environment of Composer", "CloudComposerCreateEnvironmentOperator", "environment", "{'config': {'node_config': {'service_account': 'WHO'}}}"),
    body("an instance of Data Fusion", "CloudDataFusionCreateInstanceOperator", "instance", "{'dataprocServiceAccount': 'WHO'}"),
    body("a transfer of BigQuery", "BigQueryCreateDataTransferOperator", "transfer_config", "{'service_account_name': 'WHO'}"),
    body("a tuning job of Vertex AI", "CreateHyperparameterTuningJobOperator", "service_account", "'WHO'"),
    body("a Ray cluster", "CreateRayClusterOperator", "service_account", "'WHO'"),
    swap("the settings object of a Dataflow job", ACCOUNT, "BeamRunPythonPipelineOperator(task_id='t', dataflow_config={'service_account': 'WHO'})"),
    swap("the chain in the settings of a Dataflow job", IMPERSONATION, "BeamRunPythonPipelineOperator(task_id='t', dataflow_config={'impersonation_chain': 'WHO'})"),
    Attempt("a body that names no account: the project's default one", "body-without-service-account",
            f"DataprocCreateBatchOperator(task_id='t', impersonation_chain='{SALES}', batch={{}})",
            f"DataprocCreateBatchOperator(task_id='t', impersonation_chain='{SALES}', batch={{'environment_config': {{'execution_config': {{'service_account': '{SALES}'}}}}}})", "batch"),
    Attempt("a body that is made at run time", "templated-identity",
            f"@task\ndef made():\n    return {{}}\nDataprocCreateBatchOperator(task_id='t', impersonation_chain='{SALES}', batch=made())",
            f"DataprocCreateBatchOperator(task_id='t', impersonation_chain='{SALES}', batch={{'environment_config': {{'execution_config': {{'service_account': '{SALES}'}}}}}})", "batch"),
    swap("a subclass of an operator with a body", ACCOUNT, f"#\nclass Harmless(DataprocCreateClusterOperator):\n    pass\nwith DAG('NAME', schedule=None):\n    Harmless(task_id='t', impersonation_chain='{SALES}', cluster_config={{'gce_cluster_config': {{'service_account': 'WHO'}}}})"),
    swap("a mapped body", ACCOUNT, f"DataprocCreateBatchOperator.partial(task_id='t', impersonation_chain='{SALES}').expand(batch=[{{'environment_config': {{'execution_config': {{'service_account': 'WHO'}}}}}}])"),
    Attempt("no account in one of several mapped bodies", "body-without-service-account",
            f"DataprocCreateBatchOperator.partial(task_id='t', impersonation_chain='{SALES}').expand(batch=[{{}}, {{'environment_config': {{'execution_config': {{'service_account': '{SALES}'}}}}}}])",
            f"DataprocCreateBatchOperator.partial(task_id='t', impersonation_chain='{SALES}').expand(batch=[{{'environment_config': {{'execution_config': {{'service_account': '{SALES}'}}}}}}])", "batch"),
    swap("an encryption key of another team", "encryption-key-not-allowed", f"RunPipelineJobOperator(task_id='t', impersonation_chain='{SALES}', service_account='{SALES}', encryption_spec_key_name='projects/acme/locations/eu/keyRings/WHO/k')", "finance", "sales"),
    swap("no encryption key of the team's", "encryption-key-not-allowed", f"RunPipelineJobOperator(task_id='t', impersonation_chain='{SALES}', service_account='{SALES}', encryption_spec_key_name=WHO)", "None", "'projects/acme/locations/eu/keyRings/sales/k'", "encryption_spec_key_name"),
    Attempt("an operator that grants it access", "grants-access", f"GCSBucketAddIamBindingOperator(task_id='t', impersonation_chain='{SALES}')", CHAIN.format(repr(SALES)), "GCSBucketAddIamBindingOperator"),
)  # fmt: skip

OTHER_NAMES = (
    "google_cloud_conn_id", "google_cloud_storage_conn_id", "cloud_storage_conn_id", "datastore_conn_id", "gcp_cloudsql_conn_id",
    "dataprep_conn_id", "looker_conn_id", "google_ads_conn_id", "kubernetes_conn_id",
)  # fmt: skip

BY_CONNECTION: tuple[Attempt, ...] = (
    swap("another team's connection", CONNECTION, "SQLExecuteQueryOperator(task_id='t', conn_id='WHO')", "finance_db", "sales_db"),
    swap("another team's Google connection, which has an account of its own", CONNECTION, f"{BQ}(task_id='t', gcp_conn_id='WHO')", "finance_gcp", "sales_gcp"),
    swap("a connection of default_args", CONNECTION, "#\nwith DAG('NAME', schedule=None, default_args={'conn_id': 'WHO'}):\n    SQLExecuteQueryOperator(task_id='t')", "finance_db", "sales_db"),
    swap("a mapped connection", CONNECTION, "SQLExecuteQueryOperator.partial(task_id='t').expand(conn_id=['sales_db', 'WHO'])", "finance_db", "sales_eu"),
    swap("an operator's default connection", CONNECTION, f"S3ToGCSOperator(task_id='t', google_impersonation_chain='{SALES}', aws_conn_id='WHO')", "aws_default", "aws_sales"),
    swap("a connection in Jinja", "templated-identity", "SQLExecuteQueryOperator(task_id='t', conn_id='WHO')", "{{ params.db }}", "sales_db", "conn_id"),
    *(swap(f"`{name}`", CONNECTION, f"OtherConnectionsOperator(task_id='t', {name}='WHO')", "finance_x", "sales_x") for name in OTHER_NAMES),
    swap("a URI where the id of a connection is expected", CONNECTION, f"{BQ}(task_id='t', gcp_conn_id='WHO')", "google-cloud-platform://?extra__google_cloud_platform__key_path=/var/finance.json", "sales_gcp"),
    swap("another connection for what its callback reads", CONNECTION, "SQLExecuteQueryOperator(task_id='t', conn_id='WHO', on_failure_callback=print)", "Sales_db", "sales_db"),
)  # fmt: skip
