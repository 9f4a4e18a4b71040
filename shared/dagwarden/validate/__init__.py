"""Import DAG files in a sandbox, and tell what they hold and what their import did."""
