"""What travels between services: envelope, headers, topics, reasons, event models."""
