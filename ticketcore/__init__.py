"""An event-sourced ticket core: commands in, events in an append-only PostgreSQL log, read models out."""
