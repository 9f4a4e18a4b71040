from airflow.sdk import DAG

dag = DAG("big")
dag.validate = dag.check_cycle = dag.resolve_template_files = lambda: None
dag.task_dict.update({"x" * 100_000 + str(number): None for number in range(200)})
