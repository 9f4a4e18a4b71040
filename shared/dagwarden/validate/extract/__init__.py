"""Live Airflow objects read into the DAG model, by code that trusts none of them."""
