"""Mail that goes out: the only part that knows mail servers."""
