"""An embedded local cloud: storage, Pub/Sub, logging, IAM and Eventarc, as the real Google clients speak to them."""
