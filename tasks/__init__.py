"""Prefect tasks, one file a stage: load, one spex_data call, save, log to MLflow."""
