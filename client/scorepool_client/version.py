"""The version of this client: that of the service with which it was released."""

VERSION = "0.1.0"
