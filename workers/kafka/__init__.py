"""What knows Kafka: the broker for tests and demo, the relay, the projectors. Installed by the extra ``kafka``."""
