"""What an operator sees of a worker: JSON logs, Prometheus metrics, and whether it is alive."""
