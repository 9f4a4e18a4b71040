from airflow.sdk import DAG

dag = DAG("nothing_to_see")
dag.validate = dag.check_cycle = dag.resolve_template_files = lambda: None
dag.task_dict.update({f"hidden_{number}": object() for number in range(20)})
