"""Following a log's policies until told to stop."""
