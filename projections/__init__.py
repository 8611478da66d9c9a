"""Read models: pure folds over the log, their tables, and the queries that read them."""
