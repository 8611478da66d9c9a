"""The event store: the log with its receipts, claims and blobs; and the keys, in a store of their own."""
