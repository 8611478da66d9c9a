"""Mail comes in by LMTP or SMTP."""
