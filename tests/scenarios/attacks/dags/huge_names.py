from airflow.sdk import DAG

for number in range(200):
    dag = DAG(f"big_{number}")
    dag.default_args.update({"x" * 500 + str(number): 1 for number in range(200)})
    globals()[dag.dag_id] = dag
