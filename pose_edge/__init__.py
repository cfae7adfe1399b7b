"""pose-edge: a camera becomes an MQTT device that knows what a body is doing."""

__version__ = "0.1.0"
