"""The domain: events, states, transitions and decisions. No I/O, no infrastructure."""
