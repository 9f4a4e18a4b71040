"""Cloud Logging of the local cloud, as google-cloud-logging speaks it with gRPC off."""
