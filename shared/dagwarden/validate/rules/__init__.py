"""Rules on what a file defines, rather than on how it is written: functions of the DAG model."""
